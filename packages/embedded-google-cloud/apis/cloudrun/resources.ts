/**
 * The fields of Cloud Run v2's resources that the embedded cloud reads or writes; other fields that a client sets are stored
 * and returned. Source: https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services
 */

export interface EnvVar {
  name: string;
  value?: string;
  /** `secret` is a name in the same project, or `projects/P/secrets/S`; `version` a number or `latest`. */
  valueSource?: { secretKeyRef?: { secret: string; version?: string } };
}

/** How many instances run. */
export interface Scaling {
  readonly minInstanceCount?: number;
  readonly maxInstanceCount?: number;
}

/** Times are in seconds. */
export interface Probe {
  initialDelaySeconds?: number;
  timeoutSeconds?: number;
  periodSeconds?: number;
  failureThreshold?: number;
  httpGet?: { path?: string; port?: number; httpHeaders?: { name: string; value?: string }[] };
  tcpSocket?: { port?: number };
  grpc?: object;
}

export interface Container {
  image: string;
  name?: string;
  command?: string[];
  args?: string[];
  env?: EnvVar[];
  ports?: { name?: string; containerPort?: number }[];
  /** The path is `/cloudsql` for a Cloud SQL volume, also if it is left out. */
  volumeMounts?: { name: string; mountPath?: string }[];
  resources?: { limits?: Record<string, string>; cpuIdle?: boolean };
  startupProbe?: Probe;
}

/** The type of a volume is the name of its other field. */
export interface Volume {
  name: string;
  cloudSqlInstance?: { instances?: string[] };
}

/** The fields that a revision's instance and a job's task have in common. */
export interface InstanceTemplate {
  containers: Container[];
  volumes?: Volume[];
  /** Email of the account it runs as. */
  serviceAccount: string;
  /** A duration, such as `300s`: for a request of a service, for a task of a job. */
  timeout: string;
  /** The network through which it reaches private addresses. */
  vpcAccess?: { networkInterfaces?: { network?: string; subnetwork?: string }[] };
}

export interface RevisionTemplate extends InstanceTemplate, Marked {
  /** Name of the revision; Cloud Run generates one if it is absent. */
  revision?: string;
  maxInstanceRequestConcurrency?: number;
}

export interface TrafficTarget {
  type: "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST" | "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION";
  /** Last part of the revision's name; absent for LATEST. */
  revision?: string;
  percent?: number;
  tag?: string;
}

/** The reason of a failed condition; the field depends on what failed. */
export type Reason =
  | {
      reason:
        | "CONTAINER_MISSING"
        | "CONTAINER_PERMISSION_DENIED"
        | "SECRETS_ACCESS_CHECK_FAILED"
        | "UNKNOWN"
        | "REVISION_FAILED";
    }
  | { revisionReason: "HEALTH_CHECK_CONTAINER_ERROR" }
  | { executionReason: "NON_ZERO_EXIT_CODE" };

export type Condition = {
  type: string;
  state: "CONDITION_RECONCILING" | "CONDITION_SUCCEEDED" | "CONDITION_FAILED";
  message?: string;
  lastTransitionTime: string;
} & Partial<Reason>;

/** What clients may attach to a resource or a template. */
export interface Marked {
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

/** The fields of every resource. */
interface Resource extends Marked {
  /** Full name, `projects/P/locations/L/...`. */
  name: string;
  uid: string;
  /** Counts the changes by clients; a number as text. */
  generation: string;
  createTime: string;
  updateTime: string;
  launchStage: string;
  etag: string;
  reconciling: boolean;
  /** The last generation that was carried out. */
  observedGeneration: string;
  conditions: Condition[];
}

/** A stored service; its URLs depend on the embedded cloud's current address. */
export interface Service extends Resource {
  creator: string;
  lastModifier: string;
  ingress: string;
  customAudiences?: string[];
  scaling?: Scaling & { scalingMode?: "AUTOMATIC" | "MANUAL"; manualInstanceCount?: number };
  defaultUriDisabled?: boolean;
  invokerIamDisabled?: boolean;
  template: RevisionTemplate;
  traffic: TrafficTarget[];
  /** The effective routing; differs from `traffic` until a change has succeeded. */
  trafficStatuses: TrafficTarget[];
  terminalCondition: Condition;
  /** Full name. */
  latestReadyRevision?: string;
  /** Full name. */
  latestCreatedRevision: string;
}

export interface Revision extends Resource, InstanceTemplate {
  maxInstanceRequestConcurrency?: number;
  scaling?: Scaling;
  /** Last part of the service's name. */
  service: string;
}

export interface TaskTemplate extends InstanceTemplate {
  maxRetries: number;
}

export interface Job extends Resource {
  creator: string;
  lastModifier: string;
  template: Marked & { taskCount: number; template: TaskTemplate };
  terminalCondition: Condition;
  executionCount: number;
  latestCreatedExecution: Partial<Pick<Execution, "name" | "createTime" | "completionTime">> & {
    completionStatus?: string;
  };
}

export interface Execution extends Resource {
  creator: string;
  /** Last part of the job's name. */
  job: string;
  taskCount: number;
  template: TaskTemplate;
  startTime?: string;
  completionTime?: string;
  runningCount: number;
  succeededCount: number;
  failedCount: number;
  retriedCount: number;
}

/** The current time in Google's format. */
export function now(): string {
  return new Date().toISOString();
}

/** Seconds of a duration such as `300s`. */
export function seconds(duration: string): number {
  return Number.parseFloat(duration);
}

export function succeeded(type: string): Condition {
  return { type, state: "CONDITION_SUCCEEDED", lastTransitionTime: now() };
}

export function pending(type: string): Condition {
  return { type, state: "CONDITION_RECONCILING", lastTransitionTime: now() };
}

export function failed(type: string, message: string, reason: Reason): Condition {
  return { type, state: "CONDITION_FAILED", message, lastTransitionTime: now(), ...reason };
}
