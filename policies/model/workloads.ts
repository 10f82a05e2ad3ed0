import { SOCKET_ROOT } from "../../infra/connection.ts";
import { isA, once, type Resource } from "./resource.ts";
import type { Path, Types } from "./types.ts";
import { below, isRecord, type Located, mayBe, text, UNKNOWN, type Value, valueAt, valuesAt } from "./values.ts";

/** An environment variable of a container. */
export interface Env {
  readonly path: string;
  readonly name: Value;
  /** The literal value; undefined if it comes from a secret. */
  readonly value: Value;
  /** The secret it comes from (id or full name) and the version. */
  readonly secret?: { readonly id: Value; readonly version: Value };
}

/** A container of a workload. */
export interface Container extends Located {
  readonly env: readonly Env[];
  /** Connection names of the sockets mounted in it. */
  readonly sockets: readonly Located[];
}

/** A secret that a volume shows to containers as files. */
export interface SecretVolume {
  readonly path: string;
  /** The secret (id or full name) and the versions. */
  readonly id: Value;
  readonly versions: readonly Value[];
}

/** A Cloud Run workload, from either API version; everything it declares is below the property `template`. */
export interface Workload {
  readonly resource: Resource;
  readonly kind: "service" | "job" | "worker pool";
  /** The service account it runs as. */
  readonly account: Value;
  /** Connection names of the mounted sockets. */
  readonly sockets: readonly Located[];
  /** Whether it has, or may have, access to a VPC network: by Direct VPC egress or a connector. */
  readonly inNetwork: boolean;
  /** That access, as API v2 declares it: `networkInterfaces` or a `connector`. */
  readonly access: Value;
  readonly containers: readonly Container[];
  readonly secretVolumes: readonly SecretVolume[];
  /** The variables of all containers. */
  readonly env: readonly Env[];
}

type V1 = Types["gcp:cloudrun/service:Service"];
/** What services, jobs and worker pools have in common in Cloud Run's API v2. */
type Template = Types["gcp:cloudrunv2/service:Service"]["template"];
type ContainerV1 = NonNullable<NonNullable<V1["template"]>["spec"]["containers"]>[number];
type ContainerV2 = NonNullable<Template["containers"]>[number];
type Volume = NonNullable<Template["volumes"]>[number];
type VolumeV1 = NonNullable<NonNullable<V1["template"]>["spec"]["volumes"]>[number];
type Variable = NonNullable<(ContainerV1 | ContainerV2)["envs"]>[number];

/** The annotation by which Cloud Run's API v1 mounts sockets: connection names separated by commas. */
export const SOCKETS_ANNOTATION = "run.googleapis.com/cloudsql-instances";

/** The annotations by which it gives a workload access to a network: a list in JSON, or the name of a connector. */
const INTERFACES_ANNOTATION = "run.googleapis.com/network-interfaces";
const CONNECTOR_ANNOTATION = "run.googleapis.com/vpc-access-connector";

/** The workloads among resources. */
export function workloads(resources: readonly Resource[]): Workload[] {
  return resources.flatMap((resource) => workload(resource) ?? []);
}

/** The workload that a resource declares, if any. */
export const workload = once((resource: Resource): Workload | undefined => {
  if (isA(resource, "gcp:cloudrun/service:Service")) return fromV1(resource);
  if (isA(resource, "gcp:cloudrunv2/service:Service"))
    return fromV2(resource, "service", valuesAt(resource.props, "template"));
  if (isA(resource, "gcp:cloudrunv2/job:Job"))
    return fromV2(resource, "job", valuesAt(resource.props, "template.template"));
  if (isA(resource, "gcp:cloudrunv2/workerPool:WorkerPool"))
    return fromV2(resource, "worker pool", valuesAt(resource.props, "template"));
  return undefined;
});

function fromV2(resource: Resource, kind: Workload["kind"], [template]: readonly Located[]): Workload {
  const volumes = template ? below<Template>(template, "volumes.*") : [];
  const containers = (template ? below<Template>(template, "containers.*") : []).map((container) => ({
    ...container,
    env: envs(container, "valueSource.secretKeyRef", "secret", "version"),
    sockets: volumes.filter((volume) => isMounted(volume, container)).flatMap(socketsOf),
  }));
  const access = valueAt<Template>(template?.value, "vpcAccess");
  return {
    resource,
    kind,
    account: valueAt<Template>(template?.value, "serviceAccount"),
    sockets: volumes.flatMap(socketsOf),
    inNetwork: mayBe(access, (value) => value !== undefined),
    access,
    containers,
    secretVolumes: volumes.flatMap((volume) => secretVolume(volume, "secret.secret", "secret.items.*.version")),
    env: containers.flatMap(({ env }) => env),
  };
}

function secretVolume(volume: Located, id: Path<Volume | VolumeV1>, versions: Path<Volume | VolumeV1>): SecretVolume[] {
  const [secret] = below<Volume | VolumeV1>(volume, id);
  if (secret === undefined || volume.value === UNKNOWN) return [];
  const given = valuesAt<Volume | VolumeV1>(volume.value, versions).map(({ value }) => value);
  return [{ path: volume.path, id: secret.value, versions: given }];
}

function socketsOf(volume: Located): Located[] {
  return below<Volume>(volume, "cloudSqlInstance.instances.*");
}

/**
 * Whether a container mounts a volume at `/cloudsql`, the default, where Cloud Run creates sockets.
 * https://cloud.google.com/run/docs/reference/rest/v2/Container#VolumeMount
 */
function isMounted({ value: volume }: Located, { value: container }: Located): boolean {
  const name = valueAt<Volume>(volume, "name");
  return valuesAt<ContainerV2>(container, "volumeMounts.*").some(
    ({ value: mount }) =>
      (name === UNKNOWN || mayBe(valueAt(mount, "name"), (mounted) => mounted === name)) &&
      mayBe(valueAt(mount, "mountPath"), (path) => [undefined, "", SOCKET_ROOT].some((root) => root === path)),
  );
}

function fromV1(resource: Resource<V1>): Workload {
  const { props } = resource;
  const annotations = valueAt(props, "template.metadata.annotations");
  const mounted =
    annotations === UNKNOWN ? UNKNOWN : isRecord(annotations) ? annotations[SOCKETS_ANNOTATION] : undefined;
  const access = isRecord(annotations) ? accessV1(annotations) : annotations;
  const path = `template.metadata.annotations["${SOCKETS_ANNOTATION}"]`;
  const named: Value = typeof mounted === "string" ? mounted.split(",").map((name) => name.trim()) : mounted;
  const sockets = valuesAt(named, "*").map(({ value }): Located => ({ path, value }));
  const containers = valuesAt(props, "template.spec.containers.*").map((container) => ({
    ...container,
    env: envs(container, "valueFrom.secretKeyRef", "name", "key"),
    sockets,
  }));
  return {
    resource,
    kind: "service",
    account: valueAt(props, "template.spec.serviceAccountName"),
    sockets,
    inNetwork: mayBe(access, (value) => value !== undefined),
    access,
    containers,
    secretVolumes: valuesAt(props, "template.spec.volumes.*").flatMap((volume) =>
      secretVolume(volume, "secret.secretName", "secret.items.*.key"),
    ),
    env: containers.flatMap(({ env }) => env),
  };
}

function accessV1(annotations: Readonly<Record<string, Value>>): Value {
  const [interfaces, connector] = [annotations[INTERFACES_ANNOTATION], annotations[CONNECTOR_ANNOTATION]];
  if (interfaces === undefined) return connector === undefined ? undefined : ({ connector } as Value);
  try {
    return typeof interfaces === "string" ? { networkInterfaces: JSON.parse(interfaces) as Value } : UNKNOWN;
  } catch {
    return UNKNOWN; // Google rejects what is not JSON.
  }
}

function envs(container: Located, source: Path<Variable>, id: string, version: string): Env[] {
  return below<ContainerV1 | ContainerV2>(container, "envs.*").map(({ path, value }) => {
    const reference = valueAt<Variable>(value, source);
    const plain: Env = { path, name: valueAt<Variable>(value, "name"), value: valueAt<Variable>(value, "value") };
    if (reference === undefined) return plain;
    return { ...plain, secret: { id: valueAt(reference, id), version: valueAt(reference, version) } };
  });
}

const PROXY = /cloud[-_]?sql[-_]proxy/;

/** Whether a container runs the Cloud SQL proxy, whose arguments are connection names, itself or by a shell. */
export function isProxy(container: Value): boolean {
  return isProxyItself(container) || wordsOf(container).some(({ value }) => PROXY.test(text(value) ?? ""));
}

/** Whether the proxy is a container's image or its command. */
export function isProxyItself(container: Value): boolean {
  const image = valueAt<ContainerV2>(container, "image");
  const commands = valuesAt<ContainerV2>(container, "commands.*").map(({ value }) => value);
  return (
    PROXY.test(text(image) ?? "") ||
    commands.some((word) => /^\S*$/.test(text(word) ?? " ") && PROXY.test(text(word) ?? ""))
  );
}

/** The command and the arguments of a container. */
export function wordsOf(container: Value): Located[] {
  return [...valuesAt<ContainerV2>(container, "commands.*"), ...valuesAt<ContainerV2>(container, "args.*")];
}
