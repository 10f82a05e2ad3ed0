import type { Binding, Policy } from "../../google/policy.ts";
import { type Check, finding, ok } from "../check.ts";
import type { Facts } from "../facts.ts";
import { NotVisible } from "../../google/reader.ts";

/** Cloud Monitoring's service agent, which calls the service every minute. */
const MONITORING = /^serviceAccount:service-\d+@gcp-sa-monitoring-notification\.iam\.gserviceaccount\.com$/;

/** Members that include people whose accounts no owner of the project knows. */
const ANYONE = /^(allUsers$|allAuthenticatedUsers$|domain:)/;

export const invokers: Check = {
  id: "invokers",
  title: "Who may call it",
  causes: ["apis", "service"],
  look: async (facts) => {
    const { declared, region, service } = facts.target;
    const open = (await facts.existingService()).invokerIamDisabled === true && declared?.public !== true;
    const known = (member: string) =>
      declared ? isDeclared(member, declared) : !ANYONE.test(member) || member === "allUsers";
    const others = (await facts.servicePolicy())?.bindings?.flatMap((binding) =>
      of(binding, (member) => !known(member)),
    );
    const all = [
      ...(open
        ? [{ found: "everyone, because the invoker check is off", fix: facts.updateService("--invoker-iam-check") }]
        : []),
      ...(others ?? []).map(({ member, role, options }) => ({
        found: `${member} has ${role}`,
        fix: removal(facts, ["run", "services", service], `--region=${region}`, ...options),
      })),
    ];
    if (all.length === 0) return ok(declared ? "only those that the stack declares" : "nobody unknown");
    return finding(
      `${all.map(({ found }) => found).join("; ")}; the stack declares no such caller`,
      all.map(({ fix }) => fix).join(" && "),
    );
  },
};

function isDeclared(member: string, declared: NonNullable<Facts["target"]["declared"]>): boolean {
  const { deployer, public: isPublic } = declared;
  if (member === "allUsers") return isPublic;
  return MONITORING.test(member) || (deployer !== undefined && member === `serviceAccount:${deployer}`);
}

/** Roles on the project that reach the service, its account or its data. */
const REACHING = /^roles\/(owner|editor|(run|secretmanager|cloudsql|storage|iam\.serviceAccount)\b.*)$/;

export const outsiders: Check = {
  id: "outsiders",
  title: "Access from outside",
  causes: ["apis"],
  look: async (facts) => {
    const { bucket, passwordSecret, project, secret } = facts.target;
    const email = await facts.email();
    const hidden: NotVisible[] = [];
    const seen = (policy: Promise<Policy | undefined>) =>
      policy.catch((error: unknown): undefined => {
        if (!(error instanceof NotVisible)) throw error;
        hidden.push(error);
      });
    const [onProject, onAccount, onBucket, ...onSecrets] = await Promise.all([
      seen(facts.projectPolicy()),
      seen(facts.accountPolicy()),
      seen(facts.bucketPolicy()),
      ...[secret, passwordSecret].map((id) => seen(facts.secretPolicy(id))),
    ]);
    const places: [readonly string[], Policy | undefined][] = [
      [["projects", project], onProject],
      [["iam", "service-accounts", email], onAccount],
      [["storage", "buckets", `gs://${bucket}`], onBucket],
      [["secrets", secret], onSecrets[0]],
      [["secrets", passwordSecret], onSecrets[1]],
    ];
    const all = places.flatMap(([place, policy]) =>
      (policy?.bindings ?? [])
        .flatMap((binding) => {
          const reaches = policy !== onProject || REACHING.test(binding.role);
          return of(binding, (member) => ANYONE.test(member) || (reaches && isForeign(member, facts)));
        })
        .map(({ member, role, options }) => ({
          found: `${member} has ${role} on ${place.at(-1) ?? ""}`,
          fix: removal(facts, place, ...options),
        })),
    );
    if (all.length === 0 && hidden[0]) throw hidden[0];
    if (all.length === 0) return ok("nobody from outside has access to data or accounts");
    return finding(all.map(({ found }) => found).join("; "), all.map(({ fix }) => fix).join(" && "));
  },
};

/** Whether it is a service account of another project that is neither Google's nor the declared deployer. */
function isForeign(member: string, { target }: Facts): boolean {
  if (member === `serviceAccount:${target.declared?.deployer ?? ""}`) return false;
  const [, name = "", home] = /^serviceAccount:([^@]+)@([^.]+)\.iam\.gserviceaccount\.com$/.exec(member) ?? [];
  return home !== undefined && home !== target.project && !home.startsWith("gcp-sa-") && !/^service-\d+$/.test(name);
}

/** The members of a binding that a test selects, with gcloud's options that name just this membership. */
function of({ condition, members = [], role }: Binding, test: (member: string) => boolean) {
  return members.filter(test).map((member) => ({
    member,
    role,
    options: [`--member=${member}`, `--role=${role}`, condition ? "--all" : "--condition=None"],
  }));
}

/** @param place As gcloud names the resource, its id last. */
function removal(facts: Facts, place: readonly string[], ...options: string[]): string {
  return facts.gcloud(...place.slice(0, -1), "remove-iam-policy-binding", place.at(-1) ?? "", ...options);
}

export const networks: Check = {
  id: "authorized-networks",
  title: "Authorized networks",
  causes: ["apis", "instance"],
  look: async (facts) => {
    const { name, settings } = await facts.existingInstance();
    const { authorizedNetworks = [], ipv4Enabled, privateNetwork } = settings.ipConfiguration ?? {};
    const ranges = authorizedNetworks.map(({ value = "" }) => (isWide(value) ? `${value} (the internet)` : value));
    const isPublic = ipv4Enabled === true && privateNetwork !== undefined && facts.target.declared?.network === true;
    if (ranges.length === 0 && !isPublic) return ok("none");
    const found = [
      ...(ranges.length > 0 ? [`${name} admits clients from ${ranges.join(", ")}; the stack declares no network`] : []),
      ...(isPublic ? [`${name} has a public address; the stack declares only a private one`] : []),
    ];
    const options = [
      ...(ranges.length > 0 ? ["--clear-authorized-networks"] : []),
      ...(isPublic ? ["--no-assign-ip"] : []),
    ];
    return finding(found.join("; "), facts.gcloud("sql", "instances", "patch", name, ...options));
  },
};

/** More addresses than any one organisation has: a prefix of less than eight bits. */
function isWide(range: string): boolean {
  return Number(range.split("/")[1] ?? 32) < 8;
}

/** Values of `sslMode` that refuse unencrypted connections. */
const ENCRYPTED = ["ENCRYPTED_ONLY", "TRUSTED_CLIENT_CERTIFICATE_REQUIRED"];

export const encryption: Check = {
  id: "encryption",
  title: "Connectors only",
  causes: ["apis", "instance"],
  look: async (facts) => {
    const { name, settings } = await facts.existingInstance();
    const { connectorEnforcement = "NOT_REQUIRED", ipConfiguration } = settings;
    const sslMode = ipConfiguration?.sslMode ?? "ALLOW_UNENCRYPTED_AND_ENCRYPTED";
    const live = `connector enforcement ${connectorEnforcement}, TLS mode ${sslMode}`;
    // An instance that no stack declares may have direct clients.
    if (!facts.target.declared) return ok(live);
    const options = [
      ...(connectorEnforcement === "REQUIRED" ? [] : ["--connector-enforcement=REQUIRED"]),
      ...(ENCRYPTED.includes(sslMode) ? [] : ["--ssl-mode=ENCRYPTED_ONLY"]),
    ];
    if (options.length === 0) return ok(live);
    return finding(
      `${live}; the stack declares REQUIRED and ENCRYPTED_ONLY`,
      facts.gcloud("sql", "instances", "patch", name, ...options),
    );
  },
};
