import type { Deployment } from "../../ops/engine/state.ts";

/** Asks the embedded cloud with GET, as its owner. */
export type Get = (path: string) => Promise<Record<string, unknown>>;

const PROJECT = "settlement-local";

/** What is in the cloud of each type whose things can be counted; a binding is one member of one role. */
export async function inCloud(get: Get): Promise<Record<string, number>> {
  const list = async (path: string, key: string) => ((await get(path))[key] ?? []) as Record<string, unknown>[];
  const sql = `/sql/v1beta4/projects/${PROJECT}/instances`;
  const instances = await list(sql, "items");
  const secrets = await list(`/v1/projects/${PROJECT}/secrets`, "secrets");
  const buckets = await list(`/storage/v1/b?project=${PROJECT}`, "items");
  const ofEach = async (things: readonly Record<string, unknown>[], path: (name: string) => string, key: string) =>
    (await Promise.all(things.map(({ name }) => list(path(String(name)), key)))).flat();
  const databases = await ofEach(instances, (name) => `${sql}/${name}/databases`, "items");
  const users = await ofEach(instances, (name) => `${sql}/${name}/users`, "items");
  const versions = await ofEach(secrets, (name) => `/v1/${name}/versions`, "versions");
  const policies = await Promise.all(buckets.map(({ name }) => list(`/storage/v1/b/${String(name)}/iam`, "bindings")));
  const monitoring = (kind: string) => list(`/v3/projects/${PROJECT}/${kind}`, kind);
  return {
    "gcp:sql/databaseInstance:DatabaseInstance": instances.length,
    "gcp:sql/database:Database": databases.filter(({ name }) => name !== "postgres").length,
    "gcp:sql/user:User": users.filter(({ name }) => name !== "postgres").length,
    "gcp:secretmanager/secret:Secret": secrets.length,
    "gcp:secretmanager/secretVersion:SecretVersion": versions.filter(({ state }) => state === "ENABLED").length,
    "gcp:serviceaccount/account:Account": (await list(`/v1/projects/${PROJECT}/serviceAccounts`, "accounts")).length,
    "gcp:storage/bucket:Bucket": buckets.length,
    "gcp:storage/bucketIAMMember:BucketIAMMember": policies
      .flat()
      .filter(({ role }) => role === "roles/storage.objectViewer")
      .flatMap(({ members }) => members as string[]).length,
    "gcp:cloudrunv2/service:Service": (await list(`/v2/projects/${PROJECT}/locations/us-central1/services`, "services"))
      .length,
    "gcp:monitoring/alertPolicy:AlertPolicy": (await monitoring("alertPolicies")).length,
    "gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig": (await monitoring("uptimeCheckConfigs")).length,
    "gcp:monitoring/dashboard:Dashboard": (await list(`/v1/projects/${PROJECT}/dashboards`, "dashboards")).length,
  };
}

/** How many of each of these types a state has. */
export function inState({ resources = [] }: Deployment, types: readonly string[]): Record<string, number> {
  return Object.fromEntries(types.map((type) => [type, resources.filter((each) => each.type === type).length]));
}
