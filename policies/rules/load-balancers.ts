import { policy } from "../engine/policy.ts";
import { isA, type Resource } from "../model/resource.ts";
import { below, lastPart, mayBe, text, type Value, valueAt, valuesAt } from "../model/values.ts";

const RULES = ["gcp:compute/globalForwardingRule:GlobalForwardingRule", "gcp:compute/forwardingRule:ForwardingRule"];
const HTTP_PROXIES = [
  "gcp:compute/targetHttpProxy:TargetHttpProxy",
  "gcp:compute/regionTargetHttpProxy:RegionTargetHttpProxy",
] as const;
const TLS_PROXIES = [
  "gcp:compute/targetHttpsProxy:TargetHttpsProxy",
  "gcp:compute/regionTargetHttpsProxy:RegionTargetHttpsProxy",
  "gcp:compute/targetSSLProxy:TargetSSLProxy",
] as const;
const URL_MAPS = ["gcp:compute/uRLMap:URLMap", "gcp:compute/regionUrlMap:RegionUrlMap"] as const;
const SSL_POLICIES = ["gcp:compute/sSLPolicy:SSLPolicy", "gcp:compute/regionSslPolicy:RegionSslPolicy"] as const;

/** What a URL map decides about requests: the path of each decision, and its redirect. Each is a redirect or serves. */
const DECISIONS = [
  ["pathMatchers.*", "defaultUrlRedirect"],
  ["pathMatchers.*.pathRules.*", "urlRedirect"],
  ["pathMatchers.*.routeRules.*", "urlRedirect"],
] as const;

/** The cipher suites without forward secrecy, or with 3DES, which CIS 3.9 refuses. */
const WEAK_CIPHERS: readonly string[] = [
  "TLS_RSA_WITH_AES_128_GCM_SHA256",
  "TLS_RSA_WITH_AES_256_GCM_SHA384",
  "TLS_RSA_WITH_AES_128_CBC_SHA",
  "TLS_RSA_WITH_AES_256_CBC_SHA",
  "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
];

export const frontendHttps = policy({
  name: "frontend-https",
  sentence:
    "A public load balancer serves only HTTPS; over plain HTTP it only redirects: anybody on the way can read and change the rest.",
  level: "mandatory",
  severity: "high",
  reference: "https://cloud.google.com/load-balancing/docs/https/setting-up-global-http-https-redirect",
  stack: (resources, report) => {
    for (const rule of resources.filter(({ type }) => RULES.includes(type))) {
      // The default scheme is EXTERNAL.
      const scheme = rule.props.loadBalancingScheme ?? "EXTERNAL";
      if (typeof scheme !== "string" || !scheme.startsWith("EXTERNAL")) continue;
      const maps = referred(rule, "target", resources, HTTP_PROXIES).flatMap((proxy) =>
        referred(proxy, "urlMap", resources, URL_MAPS),
      );
      if (maps.every(onlyRedirects)) continue;
      report(
        rule,
        "target is an HTTP proxy whose URL map does not only redirect to HTTPS; use a target HTTPS proxy, or redirect with httpsRedirect everywhere in the map.",
      );
    }
  },
});

/** The resources of these types that a property refers to: those it is derived from, or else those with the name in it. */
function referred(
  { props, madeOf }: Resource,
  property: string,
  resources: readonly Resource[],
  types: readonly string[],
): Resource[] {
  const origins = (madeOf[property] ?? []).filter(({ type }) => types.includes(type));
  if (origins.length > 0) return origins;
  const reference = text(props[property]);
  if (reference === undefined) return [];
  return resources.filter(({ type, props: own }) => types.includes(type) && own.name === lastPart(reference));
}

function onlyRedirects({ props }: Resource): boolean {
  const redirects: Value[] = [
    valueAt(props, "defaultUrlRedirect.httpsRedirect"),
    ...DECISIONS.flatMap(([path, redirect]) =>
      valuesAt(props, path).map((decision) => below(decision, `${redirect}.httpsRedirect`)[0]?.value),
    ),
  ];
  return redirects.every((redirect) => mayBe(redirect, (on) => on === true));
}

export const frontendTls = policy({
  name: "frontend-tls-policy",
  sentence: "A load balancer that accepts TLS has an SSL policy: TLS 1.2 or newer, without weak cipher suites.",
  level: "advisory",
  severity: "medium",
  reference: "CIS 3.9",
  peers: ["CKV_GCP_4", "CIS 3.9"],
  resource: (resource, report) => {
    if (isA(resource, ...TLS_PROXIES) && resource.props.sslPolicy === undefined) {
      report(resource, "sslPolicy is not set, so that TLS 1.0 is accepted; use an SSL policy with profile MODERN.");
    }
    if (!isA(resource, ...SSL_POLICIES)) return;
    const { minTlsVersion, profile = "COMPATIBLE" } = resource.props;
    if (profile === "COMPATIBLE") {
      report(resource, "profile is COMPATIBLE, which allows weak cipher suites; set it to MODERN or RESTRICTED.");
    }
    // The cipher suites of RESTRICTED need TLS 1.2, whatever the minimum is.
    if (profile !== "RESTRICTED" && !mayBe(minTlsVersion, (oldest) => oldest === "TLS_1_2" || oldest === "TLS_1_3")) {
      report(resource, `minTlsVersion is ${text(minTlsVersion) ?? "TLS_1_0"}; set it to TLS_1_2.`);
    }
    const weak = valuesAt(resource.props, "customFeatures.*").filter(({ value }) =>
      WEAK_CIPHERS.includes(text(value) ?? ""),
    );
    for (const { path, value } of weak) report(resource, `${path} is ${text(value) ?? ""}, a weak cipher; remove it.`);
  },
});
