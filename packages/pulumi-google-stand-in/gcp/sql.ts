import { type Fields, isFields } from "../fields.ts";
import { absent, type Google } from "../google.ts";
import { type Change, existing, type Live, type ResourceType } from "../provider.ts";
import { fromRest, toRest } from "../rest.ts";
import {
  any,
  apart,
  autonamed,
  computed,
  defaulting,
  deletionPolicy,
  deletionProtection,
  flag,
  int64,
  list,
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
  secretly,
  set,
  single,
  text,
} from "../schema.ts";
import { collection } from "./collection.ts";
import { isEmpty } from "../values.ts";
import { expand, importIds } from "./paths.ts";

// What replaces an instance: `CustomizeDiff` in resource_sql_database_instance.go of hashicorp/terraform-provider-google.

/** A disk cannot shrink in place. */
const shrinks = (before: unknown, after: unknown) => Number(after) < Number(before);
/** A private network can be changed, but not removed. */
const isRemoved = (_before: unknown, after: unknown) => after === undefined;

const settings = object({
  version: named("settingsVersion", { ...int64, output: "changing" }),
  tier: required(text),
  activationPolicy: defaulting("ALWAYS", text),
  availabilityType: defaulting("ZONAL", text),
  backupConfiguration: computed(
    object({
      enabled: flag,
      startTime: computed(text),
      location: text,
      binaryLogEnabled: flag,
      pointInTimeRecoveryEnabled: flag,
      transactionLogRetentionDays: computed(number),
      backupRetentionSettings: computed(
        object({ retainedBackups: required(number), retentionUnit: defaulting("COUNT", text) }),
      ),
      backupTier: output(text),
    }),
  ),
  connectionPoolConfigs: named(
    "connectionPoolConfig",
    computed(
      single(
        object({
          connectionPoolingEnabled: flag,
          flags: set(object({ name: required(text), value: required(text) })),
        }),
      ),
    ),
  ),
  connectorEnforcement: computed(text),
  dataCacheConfig: computed(object({ dataCacheEnabled: flag })),
  databaseFlags: named("databaseFlags", set(object({ name: required(text), value: required(text) }))),
  deletionProtectionEnabled: flag,
  denyMaintenancePeriod: named("denyMaintenancePeriods", {
    ...object({ startDate: required(text), endDate: required(text), time: required(text) }),
  }),
  diskAutoresize: named("storageAutoResize", defaulting(true, flag)),
  diskAutoresizeLimit: named("storageAutoResizeLimit", computed(int64)),
  diskSize: named("dataDiskSizeGb", {
    ...computed(int64),
    replaces: shrinks,
    // Cloud SQL may have enlarged it.
    same: (before, after, { diskAutoresize }) => diskAutoresize !== false && shrinks(before, after),
  }),
  diskType: named("dataDiskType", computed(replacing(text))),
  edition: computed(text),
  effectiveAvailabilityType: named("availabilityType", output(text)),
  enableDataplexIntegration: flag,
  enableGoogleMlIntegration: flag,
  finalBackupConfig: object({ enabled: flag, retentionDays: number }),
  insightsConfig: object({
    queryInsightsEnabled: flag,
    queryPlansPerMinute: computed(number),
    queryStringLength: computed(number),
    recordApplicationTags: flag,
    recordClientAddress: flag,
    enhancedQueryInsightsEnabled: flag,
  }),
  ipConfiguration: computed(
    object({
      ipv4Enabled: defaulting(true, flag),
      sslMode: computed(text),
      privateNetwork: { ...text, replaces: isRemoved },
      allocatedIpRange: text,
      enablePrivatePathForGoogleCloudServices: flag,
      serverCaMode: computed(text),
      authorizedNetworks: set(object({ value: required(text), name: text, expirationTime: text })),
    }),
  ),
  locationPreference: computed(object({ zone: computed(text), secondaryZone: text, followGaeApplication: text })),
  maintenanceWindow: object({ day: number, hour: number, updateTrack: text }),
  passwordValidationPolicy: object({
    enablePasswordPolicy: required(flag),
    minLength: number,
    complexity: text,
    disallowUsernameSubstring: flag,
    passwordChangeInterval: text,
    reuseInterval: number,
  }),
  pricingPlan: defaulting("PER_USE", text),
  retainBackupsOnDelete: flag,
  timeZone: text,
  userLabels: map,
});

const instance: Properties = {
  name: { ...autonamed, apart: true },
  project,
  region: { ...replacing(text), from: "region" },
  databaseVersion: required(text),
  encryptionKeyName: named("diskEncryptionConfiguration.kmsKeyName", replacing(text)),
  instanceType: computed(text),
  masterInstanceName: replacing(text),
  replicaConfiguration: computed(object({ failoverTarget: flag })),
  replicaNames: computed(list(text)),
  replicationCluster: computed(
    object({ failoverDrReplicaName: text, drReplica: output(flag), psaWriteEndpoint: computed(text) }),
  ),
  maintenanceVersion: computed(text),
  rootPassword: secretly(text),
  settings,
  deletionPolicy,
  deletionProtection: deletionProtection(true),
  availableMaintenanceVersions: output(list(text)),
  connectionName: output(text),
  dnsName: output(text),
  dnsNames: output(any),
  enforceNewSqlNetworkArchitecture: output(flag),
  firstIpAddress: output(text),
  ipAddresses: output(objects({ type: text, ipAddress: text, timeToRetire: text })),
  privateIpAddress: output(text),
  publicIpAddress: output(text),
  pscServiceAttachmentLink: output(text),
  selfLink: output(text),
  serverCaCerts: {
    ...output(objects({ cert: text, commonName: text, createTime: text, expirationTime: text, sha1Fingerprint: text })),
    rest: "serverCaCert",
    sealed: true,
  },
  serviceAccountEmailAddress: output(text),
};

const INSTANCES = "projects/{project}/instances";
const INSTANCE = `${INSTANCES}/{name}`;

/** Cloud SQL allows only one operation per instance at a time. */
function serially<T>(google: Google, values: Fields, name: string, work: () => Promise<T>): Promise<T> {
  return google.serially(`sql ${String(values.project)}/${String(values[name])}`, work);
}

async function operate(google: Google, values: Fields, answer: Promise<Fields>): Promise<void> {
  await google.sqlFinished(String(values.project), await answer);
}

async function readInstance(google: Google, known: Fields): Promise<Live | undefined> {
  const resource = await google.find("sql", expand(INSTANCE, known));
  if (!resource) return undefined;
  const values = fromRest(instance, resource);
  const addresses = (Array.isArray(values.ipAddresses) ? values.ipAddresses : []).filter(isFields);
  const address = (type: string) => addresses.find((each) => each.type === type)?.ipAddress;
  return {
    id: String(known.name),
    values: {
      ...values,
      project: known.project,
      name: known.name,
      ...(typeof values.masterInstanceName === "string" && {
        masterInstanceName: values.masterInstanceName.replace(`${String(known.project)}:`, ""),
      }),
      enforceNewSqlNetworkArchitecture: resource.sqlNetworkArchitecture === "NEW_NETWORK_ARCHITECTURE",
      firstIpAddress: addresses[0]?.ipAddress,
      publicIpAddress: address("PRIMARY"),
      privateIpAddress: address("PRIVATE"),
    },
  };
}

const rereadInstance = async (google: Google, known: Fields) =>
  existing(await readInstance(google, known), expand(INSTANCE, known));

const databaseInstance: ResourceType = {
  token: "gcp:sql/databaseInstance:DatabaseInstance",
  properties: instance,
  ...importIds(INSTANCE, "{project}/{name}"),
  create: async (google, inputs) => {
    const body = { ...toRest(instance, inputs), name: inputs.name };
    await operate(google, inputs, google.call("sql", "POST", expand(INSTANCES, inputs), { body }));
    return rereadInstance(google, inputs);
  },
  read: (google, _id, known) => readInstance(google, known),
  update: (google, _id, { after, before, changed }: Change) =>
    serially(google, after, "name", async () => {
      const path = expand(INSTANCE, after);
      // The official provider starts an instance first; Cloud SQL changes nothing else of a stopped one.
      if (policyOf(before) !== "ALWAYS" && policyOf(after) === "ALWAYS") {
        const body = { settings: { activationPolicy: "ALWAYS" } };
        await operate(google, after, google.call("sql", "PATCH", path, { body }));
      }
      if (changed.includes("databaseVersion")) {
        const body = { databaseVersion: after.databaseVersion };
        await operate(google, after, google.call("sql", "PATCH", path, { body }));
      }
      if (changed.some((name) => ["settings", "maintenanceVersion", "replicationCluster"].includes(name))) {
        const { settings: wanted, maintenanceVersion, replicationCluster } = toRest(instance, after);
        const current = await google.call("sql", "GET", path);
        const settingsVersion = isFields(current.settings) ? current.settings.settingsVersion : undefined;
        const body = {
          instanceType: after.instanceType ?? "CLOUD_SQL_INSTANCE",
          ...(changed.includes("maintenanceVersion") && { maintenanceVersion }),
          ...(replicationCluster !== undefined && { replicationCluster }),
          settings: { ...(isFields(wanted) && wanted), settingsVersion },
        };
        await operate(google, after, google.call("sql", "PUT", path, { body }));
      }
      if (changed.includes("rootPassword")) await setPassword(google, after, "postgres", after.rootPassword);
      return rereadInstance(google, after);
    }),
  delete: (google, _id, state) =>
    serially(google, state, "name", () =>
      operate(google, state, google.call("sql", "DELETE", expand(INSTANCE, state))),
    ),
};

/** When an instance runs: `ALWAYS`, or `NEVER` if it is stopped. */
function policyOf({ settings }: Fields): unknown {
  return isFields(settings) ? settings.activationPolicy : undefined;
}

/**
 * A resource inside an instance. Cloud SQL answers no question about those of a stopped instance, so the official provider
 * keeps its state: `ActivationPolicy` in resource_sql_user.go and resource_sql_database.go of
 * hashicorp/terraform-provider-google.
 */
function inside(type: ResourceType): ResourceType {
  return {
    ...type,
    read: async (google, id, known) => {
      const instance = await google.find("sql", expand("projects/{project}/instances/{instance}", known));
      const isStopped = instance !== undefined && policyOf(instance) === "NEVER";
      return isStopped ? { id, values: known } : type.read(google, id, known);
    },
  };
}

function setPassword(google: Google, known: Fields, user: string, password: unknown): Promise<void> {
  const body = { instance: known.name, name: user, password };
  const query = { name: user };
  return operate(google, known, google.call("sql", "PUT", `${expand(INSTANCE, known)}/users`, { query, body }));
}

const database: Properties = {
  name: { ...replacing(text), autoname: true },
  instance: replacing(required(text)),
  project,
  charset: computed(text),
  collation: computed(text),
  deletionPolicy,
  selfLink: output(text),
};
const DATABASES = "projects/{project}/instances/{instance}/databases";

const sqlDatabase = collection({
  token: "gcp:sql/database:Database",
  api: "sql",
  properties: database,
  collection: DATABASES,
  self: `${DATABASES}/{name}`,
  importForms: ["{project}/{instance}/{name}"],
  update: (google, path, { after }) => google.call("sql", "PUT", path, { body: toRest(database, after) }),
  finished: (google, { project }, answer) => google.sqlFinished(String(project), answer),
  serially: (google, values, work) => serially(google, values, "instance", work),
});

const user: Properties = {
  name: { ...replacing(text), autoname: true },
  instance: replacing(required(text)),
  project,
  host: computed(replacing(text)),
  password: secretly(text),
  type: computed(replacing(text)),
  databaseRoles: apart(set(text)),
  passwordPolicy: object({
    allowedFailedAttempts: number,
    enableFailedAttemptsCheck: flag,
    enablePasswordVerification: flag,
    passwordExpirationDuration: text,
    statuses: named("status", output(any)),
  }),
  iamEmail: output(text),
  deletionPolicy,
};
const USERS = "projects/{project}/instances/{instance}/users";

/** The host of a MySQL login; PostgreSQL has none. */
const hostOf = ({ host }: Fields): string | undefined => (typeof host === "string" && host !== "" ? host : undefined);

/** Searches the list of users, as the official provider does. */
async function readUser(google: Google, known: Fields): Promise<Live | undefined> {
  const answer = await absent(google.call("sql", "GET", expand(USERS, known)));
  const items = Array.isArray(answer?.items) ? answer.items.filter(isFields) : [];
  const host = known.host ?? "";
  const found = items.find((item) => item.name === known.name && (host === "" || item.host === host));
  if (!found) return undefined;
  const values: Fields = { ...fromRest(user, found), instance: known.instance, project: known.project };
  if (isEmpty(values.passwordPolicy)) delete values.passwordPolicy;
  return { id: [known.name, found.host ?? "", known.instance].map(String).join("/"), values };
}

const rereadUser = async (google: Google, known: Fields) =>
  existing(await readUser(google, known), `User ${String(known.name)}`);

const sqlUser: ResourceType = {
  token: "gcp:sql/user:User",
  properties: user,
  ...importIds("{project}/{instance}/{name}", "{project}/{instance}/{host}/{name}"),
  create: (google, inputs) =>
    serially(google, inputs, "instance", async () => {
      const { databaseRoles } = inputs;
      const body = { ...toRest(user, inputs), ...(databaseRoles !== undefined && { databaseRoles }) };
      await operate(google, inputs, google.call("sql", "POST", expand(USERS, inputs), { body }));
      return rereadUser(google, inputs);
    }),
  read: (google, _id, known) => readUser(google, known),
  update: (google, _id, { before, after, changed }) =>
    serially(google, after, "instance", async () => {
      const roles = changed.includes("databaseRoles");
      const query = {
        name: String(after.name),
        ...(roles && { databaseRoles: (after.databaseRoles ?? []) as string[] }),
        revokeExistingRoles: String(roles),
        host: hostOf(before),
      };
      const body = { ...toRest(user, after), host: undefined };
      await operate(google, after, google.call("sql", "PUT", expand(USERS, after), { query, body }));
      return rereadUser(google, after);
    }),
  delete: (google, _id, state) =>
    serially(google, state, "instance", () => {
      const query = { name: String(state.name), host: hostOf(state) };
      return operate(google, state, google.call("sql", "DELETE", expand(USERS, state), { query }));
    }),
};

export const sqlTypes: readonly ResourceType[] = [databaseInstance, inside(sqlDatabase), inside(sqlUser)];
