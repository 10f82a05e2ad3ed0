import type { Fields } from "../fields.ts";
import type { Google } from "../google.ts";
import type { ResourceType } from "../provider.ts";
import {
  any,
  autonamed,
  changing,
  computed,
  deletionPolicy,
  deletionProtection,
  flag,
  int64,
  list,
  listed,
  map,
  named,
  number,
  object,
  objects,
  output,
  project,
  type Properties,
  replacing,
  required,
  set,
  text,
  wholeMap,
} from "../schema.ts";
import { collection } from "./collection.ts";

const port = computed(number);
const probe = object({
  initialDelaySeconds: number,
  timeoutSeconds: computed(number),
  periodSeconds: computed(number),
  failureThreshold: computed(number),
  successThreshold: computed(number),
  httpGet: object({ path: computed(text), port, httpHeaders: objects({ name: required(text), value: text }) }),
  grpc: object({ port, service: text }),
  tcpSocket: object({ port }),
});
const ports = { name: computed(text), containerPort: computed(number) };

const container = (own: Properties): Properties => ({
  name: text,
  image: required(text),
  commands: named("command", list(text)),
  args: list(text),
  envs: named(
    "env",
    set(
      object({
        name: required(text),
        value: text,
        valueSource: object({ secretKeyRef: object({ secret: required(text), version: computed(text) }) }),
      }),
    ),
  ),
  volumeMounts: objects({ name: required(text), mountPath: required(text), subPath: text }),
  workingDir: text,
  dependsOns: named("dependsOn", list(text)),
  startupProbe: computed(probe),
  ...own,
});

const revision = (containers: Properties): Properties => ({
  containers: objects(containers),
  volumes: objects({
    name: required(text),
    cloudSqlInstance: object({ instances: set(text) }),
    emptyDir: object({ medium: text, sizeLimit: text }),
    gcs: object({ bucket: required(text), readOnly: flag, mountOptions: list(text) }),
    nfs: object({ server: required(text), path: text, readOnly: flag }),
    secret: object({
      secret: required(text),
      defaultMode: computed(number),
      items: objects({ path: required(text), version: computed(text), mode: number }),
    }),
  }),
  serviceAccount: computed(text),
  timeout: computed(text),
  encryptionKey: text,
  executionEnvironment: text,
  gpuZonalRedundancyDisabled: flag,
  nodeSelector: object({ accelerator: required(text) }),
  vpcAccess: object({
    connector: text,
    egress: computed(text),
    networkInterfaces: computed(objects({ network: computed(text), subnetwork: computed(text), tags: list(text) })),
  }),
});

const common: Properties = {
  name: autonamed,
  project,
  location: { ...replacing(required(text)), apart: true },
  annotations: map,
  labels: map,
  client: text,
  clientVersion: text,
  launchStage: computed(text),
  binaryAuthorization: object({ useDefault: flag, policy: text, breakglassJustification: text }),
  deletionPolicy,
  deletionProtection: deletionProtection(true),
  conditions: changing(any),
  createTime: output(text),
  creator: output(text),
  deleteTime: output(text),
  etag: changing(text),
  expireTime: output(text),
  generation: changing(text),
  lastModifier: output(text),
  observedGeneration: changing(text),
  reconciling: output(flag),
  terminalConditions: named("terminalCondition", changing({ type: { kind: "list", items: { kind: "any" } } })),
  uid: output(text),
  updateTime: changing(text),
};

const service: Properties = {
  ...common,
  description: text,
  ingress: computed(text),
  customAudiences: list(text),
  defaultUriDisabled: flag,
  iapEnabled: computed(flag),
  invokerIamDisabled: flag,
  scaling: object({
    minInstanceCount: number,
    maxInstanceCount: computed(number),
    manualInstanceCount: number,
    scalingMode: computed(text),
  }),
  traffics: named("traffic", computed(objects({ type: text, revision: text, percent: computed(number), tag: text }))),
  template: required(
    object({
      ...revision(
        container({
          ports: computed(listed(ports)),
          resources: computed(object({ limits: computed(map), cpuIdle: flag, startupCpuBoost: flag })),
          livenessProbe: probe,
          readinessProbe: probe,
          baseImageUri: text,
        }),
      ),
      revision: text,
      annotations: wholeMap,
      labels: wholeMap,
      maxInstanceRequestConcurrency: computed(number),
      sessionAffinity: flag,
      healthCheckDisabled: flag,
      scaling: computed(object({ minInstanceCount: number, maxInstanceCount: computed(number) })),
    }),
  ),
  latestCreatedRevision: changing(text),
  latestReadyRevision: changing(text),
  trafficStatuses: changing(any),
  uri: output(text),
  urls: output(list(text)),
};

const job: Properties = {
  ...common,
  template: required(
    object({
      annotations: wholeMap,
      labels: wholeMap,
      parallelism: computed(number),
      taskCount: computed(number),
      template: required(
        object({
          ...revision(container({ ports: objects(ports), resources: computed(object({ limits: computed(map) })) })),
          executionEnvironment: computed(text),
          maxRetries: computed(number),
        }),
      ),
    }),
  ),
  executionCount: output(int64),
  latestCreatedExecutions: named("latestCreatedExecution", output({ type: { kind: "list", items: { kind: "any" } } })),
};

const finished = (google: Google, _state: Fields, answer: Fields) => google.finished("run", answer);

const runType = (kind: "Service" | "Job", properties: Properties): ResourceType => {
  const lower = kind.toLowerCase();
  const parent = `projects/{project}/locations/{location}/${lower}s`;
  return collection({
    token: `gcp:cloudrunv2/${lower}:${kind}`,
    api: "run",
    properties,
    collection: parent,
    nameParameter: [`${lower}Id`, "name"],
    self: `${parent}/{name}`,
    importForms: ["{project}/{location}/{name}", "{location}/{name}"],
    update: "whole",
    finished,
  });
};

export const cloudRunTypes: readonly ResourceType[] = [runType("Service", service), runType("Job", job)];
