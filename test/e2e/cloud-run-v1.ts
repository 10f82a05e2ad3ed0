import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { isDeepStrictEqual } from "node:util";
import type {
  Container,
  RevisionTemplate,
  Service,
} from "../../packages/embedded-google-cloud/apis/cloudrun/resources.ts";

/** The fields of Cloud Run v2 that are translated, with those that only some commands set. */
type Translated = Service & {
  readonly name: string;
  client?: string;
  clientVersion?: string;
  uri?: string;
};
type Template = RevisionTemplate & {
  scaling?: { minInstanceCount?: number; maxInstanceCount?: number };
  vpcAccess?: { egress?: string; networkInterfaces?: object[] };
};
type Marks = Record<string, string>;

/** A service of API v1: https://cloud.google.com/run/docs/reference/rest/v1/namespaces.services */
interface Knative {
  readonly metadata: { readonly annotations?: Marks };
  readonly spec: {
    readonly template: {
      readonly metadata?: { readonly annotations?: Marks; readonly labels?: Marks };
      readonly spec: KnativeSpec;
    };
    readonly traffic?: readonly { revisionName?: string; latestRevision?: boolean; percent?: number; tag?: string }[];
  };
}
interface KnativeSpec {
  readonly containerConcurrency?: number;
  readonly timeoutSeconds?: number;
  readonly serviceAccountName?: string;
  readonly containers: readonly KnativeContainer[];
}
type KnativeContainer = Omit<Container, "env" | "resources" | "volumeMounts"> & {
  readonly env?: readonly {
    name: string;
    value?: string;
    valueFrom?: { secretKeyRef: { name: string; key: string } };
  }[];
  readonly resources?: { readonly limits?: Record<string, string> };
};

const INGRESS = {
  all: "ALL",
  internal: "INTERNAL_ONLY",
  "internal-and-cloud-load-balancing": "INTERNAL_LOAD_BALANCER",
};

/**
 * Lets `gcloud run` reach the embedded cloud, which serves API v2 only: translates services, revisions and executions of jobs of API v1
 * into v2 and back, as Google does. gcloud puts the region before the name of the host, so it needs this as its proxy. What it does not translate it refuses.
 */
export class CloudRunV1 {
  private readonly server: Server = createServer((request, response) => {
    this.answer(request, response).catch((error: unknown) => {
      send(response, 400, { error: { code: 400, message: String(error), status: "INVALID_ARGUMENT" } });
    });
  });
  private cloud = "";

  /** @param cloud The embedded cloud's URL. @returns A line of shell that sets gcloud's variables. */
  async start(cloud: string): Promise<string> {
    this.cloud = cloud;
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    const { port } = this.server.address() as AddressInfo;
    return `export CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN=http://run.test/ http_proxy=http://127.0.0.1:${port} no_proxy=127.0.0.1`;
  }

  async stop(): Promise<void> {
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { host, pathname, search, searchParams } = new URL(request.url ?? "");
    const body = await text(request);
    const call = (method: string, path: string, sent?: string) => this.call(request, method, path, sent);
    if (pathname.startsWith("/v1/projects/")) {
      const answer = await call(request.method ?? "GET", pathname.replace("/v1/", "/v2/") + search, body || undefined);
      send(response, answer.status, answer.body);
      return;
    }
    const [, project = "", kind, id] =
      /^\/apis\/serving\.knative\.dev\/v1\/namespaces\/([^/]+)\/(services|revisions)(?:\/([^/]+))?$/.exec(pathname) ??
      [];
    const parent = `/v2/projects/${project}/locations/${host.replace("-run.test", "")}/services`;
    if (kind === "services" && id !== undefined) {
      const path = `${parent}/${id}`;
      const found = await call("GET", path);
      if (found.status !== 200 || request.method === "GET") {
        send(response, found.status, found.status === 200 ? service(found.body as Translated) : found.body);
        return;
      }
      const changed = await call(
        "PATCH",
        path,
        JSON.stringify(changedBy(found.body as Translated, JSON.parse(body) as Knative)),
      );
      if (changed.status !== 200) send(response, changed.status, changed.body);
      else send(response, 200, service((await call("GET", path)).body as Translated));
      return;
    }
    if (kind === "services") {
      const { body: list, status } = await call("GET", parent);
      const { services = [] } = list as { services?: Translated[] };
      const items = services.map(service);
      send(response, status, { kind: "ServiceList", apiVersion: "serving.knative.dev/v1", metadata: {}, items });
      return;
    }
    if (kind === "revisions" && id !== undefined) {
      const found = await call("GET", `${parent}/${id.replace(/-\d{5}-\w+$/, "")}/revisions/${id}`);
      send(response, found.status, found.status === 200 ? revision(id, found.body as Template) : found.body);
      return;
    }
    if (kind === "revisions") {
      const [, of = ""] = /^serving\.knative\.dev\/service = (.+)$/.exec(searchParams.get("labelSelector") ?? "") ?? [];
      const { body: list, status } = await call("GET", `${parent}/${of}/revisions`);
      const { revisions = [] } = list as { revisions?: (Template & { name: string })[] };
      const items = revisions.map((each) => revision(last(each.name), each));
      send(response, status, { kind: "RevisionList", apiVersion: "serving.knative.dev/v1", metadata: {}, items });
      return;
    }
    const [, home = "", what, name = ""] =
      /^\/apis\/run\.googleapis\.com\/v1\/namespaces\/([^/]+)\/(jobs|executions)\/([^/:]+)(?::run)?$/.exec(pathname) ??
      [];
    const jobs = `/v2/projects/${home}/locations/${host.replace("-run.test", "")}/jobs`;
    if (what === "jobs" && pathname.endsWith(":run")) {
      const begun = await call("POST", `${jobs}/${name}:run`, body);
      const { metadata } = begun.body as { metadata?: Execution };
      send(response, begun.status, metadata ? execution(metadata) : begun.body);
      return;
    }
    if (what === "executions") {
      const found = await call("GET", `${jobs}/${name.replace(/-\w+$/, "")}/executions/${name}`);
      send(response, found.status, found.status === 200 ? execution(found.body as Execution) : found.body);
      return;
    }
    send(response, 404, { error: { code: 404, message: `${pathname} is not translated`, status: "NOT_FOUND" } });
  }

  private async call({ headers }: IncomingMessage, method: string, path: string, body?: string) {
    const answer = await fetch(this.cloud + path, {
      method,
      headers: { authorization: headers.authorization ?? "", "content-type": "application/json" },
      ...(body !== undefined && { body }),
    });
    return { status: answer.status, body: (await answer.json()) as object };
  }
}

function last(name = ""): string {
  return name.split("/").at(-1) ?? "";
}

/** The fields of an execution in v2 that are translated. */
interface Execution {
  readonly name: string;
  readonly job: string;
  readonly createTime: string;
  readonly completionTime?: string;
  readonly failedCount?: number;
  readonly succeededCount?: number;
  readonly taskCount?: number;
}

function execution({
  completionTime,
  createTime,
  failedCount,
  job,
  name,
  succeededCount,
  taskCount,
}: Execution): object {
  const [, project = "", region = ""] = /^projects\/([^/]+)\/locations\/([^/]+)/.exec(name) ?? [];
  const ended = failedCount === undefined || failedCount === 0 ? "True" : "False";
  return {
    apiVersion: "run.googleapis.com/v1",
    kind: "Execution",
    metadata: {
      name: last(name),
      namespace: project,
      labels: { "run.googleapis.com/job": last(job), "cloud.googleapis.com/location": region },
      generation: 1,
      creationTimestamp: createTime,
    },
    spec: { taskCount, template: { spec: { containers: [] } } },
    status: {
      observedGeneration: 1,
      conditions: [{ type: "Completed", status: completionTime === undefined ? "Unknown" : ended }],
      ...{ startTime: createTime, completionTime, failedCount, succeededCount },
    },
  };
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function service(live: Translated): object {
  const [, project = "", region = "", name = ""] =
    /^projects\/([^/]+)\/locations\/([^/]+)\/services\/(.*)/.exec(live.name) ?? [];
  const { spec, metadata } = translated(live);
  const { message = "", state } = live.terminalCondition;
  const status = { CONDITION_SUCCEEDED: "True", CONDITION_FAILED: "False" }[state as string] ?? "Unknown";
  return {
    apiVersion: "serving.knative.dev/v1",
    kind: "Service",
    metadata: {
      name,
      namespace: project,
      annotations: metadata.annotations,
      labels: { ...live.labels, "cloud.googleapis.com/location": region },
      generation: Number(live.generation),
      resourceVersion: live.etag,
      uid: live.uid,
      creationTimestamp: live.createTime,
    },
    spec,
    status: {
      observedGeneration: Number(live.observedGeneration),
      conditions: ["Ready", "ConfigurationsReady", "RoutesReady"].map((type) => ({ type, status, message })),
      latestCreatedRevisionName: last(live.latestCreatedRevision),
      latestReadyRevisionName: last(live.latestReadyRevision),
      url: live.uri,
      traffic: live.trafficStatuses.map(({ percent, revision: pinned, tag }) => ({
        ...{ percent, tag, revisionName: pinned ?? last(live.latestReadyRevision) },
        ...(pinned === undefined && { latestRevision: true }),
      })),
    },
  };
}

function revision(name: string, template: Template): object {
  return {
    apiVersion: "serving.knative.dev/v1",
    kind: "Revision",
    metadata: {
      name,
      annotations: {},
      labels: { "serving.knative.dev/service": name.replace(/-\d{5}-\w+$/, "") },
      creationTimestamp: (template as { createTime?: string }).createTime,
    },
    spec: templateOf(template).spec,
    status: { conditions: [{ type: "Ready", status: "True" }] },
  };
}

/** What clients may set, in v1. */
function translated({ template, traffic, ...live }: Translated): Knative {
  const { defaultUriDisabled, ingress, invokerIamDisabled, launchStage, scaling } = live;
  return {
    metadata: {
      annotations: texts({
        "run.googleapis.com/ingress": Object.entries(INGRESS).find(([, v2]) => ingress.endsWith(v2))?.[0],
        "run.googleapis.com/default-url-disabled": defaultUriDisabled,
        "run.googleapis.com/invoker-iam-disabled": invokerIamDisabled,
        "run.googleapis.com/launch-stage": launchStage === "GA" ? undefined : launchStage,
        "run.googleapis.com/scalingMode": scaling?.scalingMode?.toLowerCase(),
        "run.googleapis.com/manualInstanceCount": scaling?.manualInstanceCount,
        "run.googleapis.com/client-name": live.client,
        "run.googleapis.com/client-version": live.clientVersion,
      }),
    },
    spec: {
      template: templateOf(template),
      traffic: traffic.map(({ percent = 0, revision: pinned, tag }) => ({
        ...(pinned === undefined ? { latestRevision: true } : { revisionName: pinned }),
        ...(percent > 0 && { percent }),
        ...(tag !== undefined && { tag }),
      })),
    },
  };
}

function templateOf(template: Template): Knative["spec"]["template"] {
  const { scaling, vpcAccess, volumes = [] } = template;
  const instances = volumes.flatMap(({ cloudSqlInstance }) => cloudSqlInstance?.instances ?? []);
  return {
    metadata: {
      annotations: texts({
        ...template.annotations,
        "autoscaling.knative.dev/minScale": scaling?.minInstanceCount,
        "autoscaling.knative.dev/maxScale": scaling?.maxInstanceCount,
        "run.googleapis.com/cloudsql-instances": instances.length > 0 ? instances.join(",") : undefined,
        "run.googleapis.com/cpu-throttling": template.containers[0]?.resources?.cpuIdle,
        "run.googleapis.com/network-interfaces":
          vpcAccess?.networkInterfaces && JSON.stringify(vpcAccess.networkInterfaces),
        "run.googleapis.com/vpc-access-egress": vpcAccess?.egress?.toLowerCase().replaceAll("_", "-"),
      }),
      labels: template.labels ?? {},
    },
    spec: {
      ...(template.maxInstanceRequestConcurrency !== undefined && {
        containerConcurrency: template.maxInstanceRequestConcurrency,
      }),
      timeoutSeconds: Number.parseFloat(template.timeout),
      serviceAccountName: template.serviceAccount,
      containers: template.containers.map(({ env, resources, volumeMounts: _mounts, ...container }) => ({
        ...container,
        ...(env && {
          env: env.map(({ name, value, valueSource }) => {
            const { secret = "", version = "latest" } = valueSource?.secretKeyRef ?? {};
            if (valueSource)
              return { name, valueFrom: { secretKeyRef: { key: version, name: secret.split("/").at(-1) ?? "" } } };
            return { name, ...(value !== undefined && { value }) };
          }),
        }),
        ...(resources?.limits && { resources: { limits: resources.limits } }),
      })),
    },
  };
}

/** The annotations that have a value, as texts. */
function texts(values: Record<string, string | number | boolean | undefined>): Marks {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  );
}

/** A service in v2 with the change that a client made in v1. @throws Error if it sets what is not translated. */
function changedBy(live: Translated, sent: Knative): object {
  const annotations = sent.metadata.annotations ?? {};
  const one = (name: string) => annotations[`run.googleapis.com/${name}`];
  const { template } = sent.spec;
  const mark = (name: string) => template.metadata?.annotations?.[name];
  const instances = mark("run.googleapis.com/cloudsql-instances")?.split(",") ?? [];
  const [network, egress] = ["network-interfaces", "vpc-access-egress"].map((name) =>
    mark(`run.googleapis.com/${name}`),
  );
  const [least, most] = ["minScale", "maxScale"].map((name) => mark(`autoscaling.knative.dev/${name}`));
  const throttled = mark("run.googleapis.com/cpu-throttling");
  const { serviceAccountName = "", containerConcurrency, timeoutSeconds, containers } = template.spec;
  const wanted = {
    ...live,
    ingress: `INGRESS_TRAFFIC_${INGRESS[(one("ingress") ?? "all") as keyof typeof INGRESS]}`,
    ...{
      defaultUriDisabled: isTrue(one("default-url-disabled")) || undefined,
      launchStage: one("launch-stage") ?? "GA",
    },
    invokerIamDisabled: isTrue(one("invoker-iam-disabled")) || undefined,
    scaling: {
      ...live.scaling,
      scalingMode: one("scalingMode")?.toUpperCase() as "MANUAL" | undefined,
      manualInstanceCount: one("manualInstanceCount") === undefined ? undefined : Number(one("manualInstanceCount")),
    },
    ...{ client: one("client-name"), clientVersion: one("client-version") },
    traffic: (sent.spec.traffic ?? []).map(({ latestRevision, percent, revisionName, tag }) => ({
      type: `TRAFFIC_TARGET_ALLOCATION_TYPE_${latestRevision ? "LATEST" : "REVISION"}`,
      ...(latestRevision ? {} : { revision: revisionName }),
      ...(percent !== undefined && { percent }),
      ...(tag !== undefined && { tag }),
    })),
    template: {
      ...live.template,
      labels: template.metadata?.labels ?? {},
      serviceAccount: serviceAccountName,
      timeout: `${timeoutSeconds}s`,
      maxInstanceRequestConcurrency: containerConcurrency,
      scaling: {
        ...(least !== undefined && { minInstanceCount: Number(least) }),
        ...(most !== undefined && { maxInstanceCount: Number(most) }),
      },
      ...((network !== undefined || egress !== undefined) && {
        vpcAccess: {
          ...(network !== undefined && { networkInterfaces: JSON.parse(network) as object[] }),
          ...(egress !== undefined && { egress: egress.toUpperCase().replaceAll("-", "_") }),
        },
      }),
      volumes: instances.length > 0 ? [{ name: "cloudsql", cloudSqlInstance: { instances } }] : [],
      containers: containers.map(({ env, resources, ...container }) => ({
        ...container,
        ...(env && {
          env: env.map(({ name, value, valueFrom }) => {
            if (!valueFrom) return { name, ...(value !== undefined && { value }) };
            const { key, name: secret } = valueFrom.secretKeyRef;
            return { name, valueSource: { secretKeyRef: { secret, version: key } } };
          }),
        }),
        resources: {
          limits: resources?.limits ?? {},
          ...(throttled !== undefined && { cpuIdle: throttled === "true" }),
        },
        ...(instances.length > 0 && { volumeMounts: [{ name: "cloudsql", mountPath: "/cloudsql" }] }),
      })),
    },
  };
  const [asked, understood] = [sent, translated(wanted as Translated)].map(({ metadata, spec }) =>
    without({ annotations: metadata.annotations, spec }),
  );
  if (!isDeepStrictEqual(asked, understood)) {
    throw new Error(`This is not translated: ${JSON.stringify(asked)}, only ${JSON.stringify(understood)}`);
  }
  return wanted;
}

/** A message for comparison: without undefined values, empty annotations and the name of a template's client. */
function without(message: unknown): unknown {
  return JSON.parse(
    JSON.stringify(message, (key, value: unknown) => {
      if (key.startsWith("run.googleapis.com/client-") || (key === "annotations" && isEmpty(value))) return undefined;
      if (/^run\.googleapis\.com\/[a-z-]+-disabled$/.test(key)) return isTrue(String(value)) || undefined;
      return key === "run.googleapis.com/network-interfaces" ? (JSON.parse(String(value)) as object[]) : value;
    }),
  ) as unknown;
}

/** gcloud writes True and False. */
function isTrue(text = ""): boolean {
  return text.toLowerCase() === "true";
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}
