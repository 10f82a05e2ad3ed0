import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { parseConnectionString } from "../../infra/connection.ts";
import {
  CONNECTION_STRING_SECRET,
  LOGINS,
  migrationsBucket,
  PASSWORD_SECRET,
  SERVICE_ACCOUNT,
} from "../../infra/names.ts";
import type { SchemaState } from "../../infra/migrations/importer.ts";
import { readState } from "../engine/state.ts";
import type { Binding } from "../google/policy.ts";
import type { Blank } from "./blank.ts";
import type { Cloud } from "./cloud.ts";

/** A resource in the engine's state. */
export interface Declared {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly modified?: string;
  readonly outputs?: unknown;
}

/** A secret, as Secret Manager has it; its values stay here. */
export interface SecretSeen {
  readonly id: string;
  readonly exists: boolean;
  readonly versions: readonly { readonly number: string; readonly state: string; readonly created: string }[];
  readonly bindings: readonly Binding[];
  /** The login in the newest connection string. */
  readonly login?: string;
}

/** What the cloud and the engine's state have, at one moment. */
export interface Observed {
  readonly declared: readonly Declared[];
  readonly schema: SchemaState | undefined;
  readonly service: gapi.client.run.GoogleCloudRunV2Service | undefined;
  /** Newest first. */
  readonly revisions: readonly gapi.client.run.GoogleCloudRunV2Revision[];
  readonly invokers: readonly Binding[];
  readonly account: { readonly email?: string } | undefined;
  readonly projectBindings: readonly Binding[];
  readonly secrets: readonly SecretSeen[];
  readonly instance: gapi.client.sql.DatabaseInstance | undefined;
  readonly databases: readonly string[];
  readonly logins: readonly string[];
  readonly backups: readonly gapi.client.sql.BackupRun[];
  readonly bucket: { readonly name?: string; readonly location?: string } | undefined;
  readonly bucketBindings: readonly Binding[];
  readonly objects: readonly string[];
  readonly alerts: readonly gapi.client.monitoring.AlertPolicy[];
  readonly checks: readonly gapi.client.monitoring.UptimeCheckConfig[];
}

/**
 * Reads everything the picture shows.
 * @param blank Learns the values of the secrets.
 */
export async function observe(cloud: Cloud, stack: Stack, blank: Blank): Promise<Observed> {
  const { project, secrets, service, sql } = cloud;
  const bucket = migrationsBucket(project);
  const email = `${SERVICE_ACCOUNT.accountId}@${project}.iam.gserviceaccount.com`;
  const policy = { options: { requestedPolicyVersion: 3 } };
  const [state, instances] = await Promise.all([
    readState<Declared>(stack),
    cloud.read<gapi.client.sql.InstancesListResponse>(`${sql}/instances`),
  ]);
  const declared = state.deployment.resources ?? [];
  const own = declared.find(({ type }) => type === "gcp:sql/databaseInstance:DatabaseInstance")?.id;
  const instance = instances?.items?.find(({ name }) => name === own);
  const at = `${sql}/instances/${instance?.name ?? ""}`;
  const inInstance = <T>(path: string) => (instance ? cloud.read<T>(at + path) : undefined);
  const [seen, run, revisions, invokers, account, projectPolicy, databases, users, backups, found, readers, objects] =
    await Promise.all([
      Promise.all([PASSWORD_SECRET, CONNECTION_STRING_SECRET].map((id) => seeSecret(cloud, `${secrets}/${id}`, blank))),
      cloud.read<gapi.client.run.GoogleCloudRunV2Service>(service),
      cloud.read<gapi.client.run.GoogleCloudRunV2ListRevisionsResponse>(`${service}/revisions`),
      cloud.read<Policy>(`${service}:getIamPolicy`),
      cloud.read<{ email?: string }>(`/v1/projects/${project}/serviceAccounts/${email}`),
      cloud.read<Policy>(`/v1/projects/${project}:getIamPolicy`, policy),
      inInstance<gapi.client.sql.DatabasesListResponse>("/databases"),
      inInstance<gapi.client.sql.UsersListResponse>("/users"),
      inInstance<gapi.client.sql.BackupRunsListResponse>("/backupRuns"),
      cloud.read<{ name?: string; location?: string }>(`/storage/v1/b/${bucket}`),
      cloud.read<Policy>(`/storage/v1/b/${bucket}/iam?optionsRequestedPolicyVersion=3`),
      cloud.read<{ items?: { name: string }[] }>(`/storage/v1/b/${bucket}/o`),
    ]);
  const [alerts, checks] = await Promise.all([
    cloud.read<gapi.client.monitoring.ListAlertPoliciesResponse>(`/v3/projects/${project}/alertPolicies`),
    cloud.read<gapi.client.monitoring.ListUptimeCheckConfigsResponse>(`/v3/projects/${project}/uptimeCheckConfigs`),
  ]);
  return {
    declared,
    schema: declared.find(({ type }) => type.endsWith(":ImportedSchema"))?.outputs as SchemaState | undefined,
    service: run,
    revisions: revisions?.revisions ?? [],
    invokers: invokers?.bindings ?? [],
    account,
    projectBindings: projectPolicy?.bindings ?? [],
    secrets: seen,
    instance,
    databases: (databases?.items ?? []).map(({ name = "" }) => name),
    logins: (users?.items ?? []).map(({ name = "" }) => name),
    backups: backups?.items ?? [],
    bucket: found,
    bucketBindings: readers?.bindings ?? [],
    objects: (objects?.items ?? []).map(({ name }) => name),
    alerts: alerts?.alertPolicies ?? [],
    checks: checks?.uptimeCheckConfigs ?? [],
  };
}

interface Policy {
  readonly bindings?: readonly Binding[];
}

/** @param path Of the secret. */
async function seeSecret(cloud: Cloud, path: string, blank: Blank): Promise<SecretSeen> {
  const [found, listed, policy] = await Promise.all([
    cloud.read(path),
    cloud.read<gapi.client.secretmanager.ListSecretVersionsResponse>(`${path}/versions`),
    cloud.read<Policy>(`${path}:getIamPolicy?options.requestedPolicyVersion=3`),
  ]);
  const versions = (listed?.versions ?? []).map(({ name = "", state = "", createTime = "" }) => ({
    ...{ number: name.slice(name.lastIndexOf("/") + 1), state, created: createTime },
  }));
  const values = await Promise.all(
    versions.filter(({ state }) => state === "ENABLED").map(({ number }) => valueOf(cloud, path, number)),
  );
  for (const value of values) blank.learn(value);
  const parsed = parseConnectionString(values[0] ?? "");
  const login = parsed.ok ? LOGINS.find((each) => each === parsed.value.user) : undefined;
  return {
    id: path.slice(path.lastIndexOf("/") + 1),
    exists: found !== undefined,
    versions,
    bindings: policy?.bindings ?? [],
    ...(login !== undefined && { login }),
  };
}

/** The value of a version; empty if it cannot be read. */
export async function valueOf(cloud: Cloud, secret: string, version: string): Promise<string> {
  const path = `${secret}/versions/${version}:access`;
  const answer = await cloud.read<gapi.client.secretmanager.AccessSecretVersionResponse>(path);
  return Buffer.from(answer?.payload?.data ?? "", "base64").toString();
}
