import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { RESOURCE_TYPES, typeName } from "../../ops/engine/resource-types.ts";
import type { Deployment } from "../../ops/engine/state.ts";

/** The address of the embedded cloud, and its owner's token. */
export interface Cloud {
  readonly url: string;
  readonly token: string;
}

/** Marks the tests' own requests, so that faults do not strike them. Google accepts it, and no client here sends it. */
export const OWN = "prettyPrint=true";

/** Reads from the embedded cloud; empty if it does not exist, or its API is not enabled yet. */
export async function get({ token, url }: Cloud, path: string): Promise<Record<string, unknown>> {
  const marked = `${url}${path}${path.includes("?") ? "&" : "?"}${OWN}`;
  const response = await fetch(marked, { headers: { authorization: `Bearer ${token}` } });
  if (response.status === 403 || response.status === 404) return {};
  if (!response.ok) throw new Error(`GET ${path} answered ${response.status}.`);
  return (await response.json()) as Record<string, unknown>;
}

const PROJECT = "settlement-local";

/** Collections of the project by resource type, for the local stack's types whose names Google assigns. */
const NAMED_BY_GOOGLE = collectionsOf(join(import.meta.dirname, "..", "inventory", "local.yaml"));

function collectionsOf(inventory: string): Record<string, string> {
  const declared = (parse(readFileSync(inventory, "utf8")) as { type: string }[]).map(({ type }) => type);
  const found = Object.entries(RESOURCE_TYPES).flatMap(([token, { lookup }]) =>
    lookup !== "repeatable" && "list" in lookup && declared.includes(typeName(token))
      ? [[token, lookup.list.collection] as const]
      : [],
  );
  return Object.fromEntries(found.filter(([, collection]) => collection.includes("{project}")));
}

/** The number of resources of each type in the cloud; a binding is one member of one role. */
export async function inCloud(cloud: Cloud): Promise<Record<string, number>> {
  const list = async (path: string, key: string) => ((await get(cloud, path))[key] ?? []) as Record<string, unknown>[];
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
  const named = Object.entries(NAMED_BY_GOOGLE).map(async ([type, collection]) => [
    type,
    (await list(`/${collection.replace("{project}", PROJECT)}`, collection.split("/").at(-1) ?? "")).length,
  ]);
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
    ...(Object.fromEntries(await Promise.all(named)) as Record<string, number>),
  };
}

/** The number of resources of each type in a state. */
export function inState({ resources = [] }: Deployment, types: readonly string[]): Record<string, number> {
  return Object.fromEntries(types.map((type) => [type, resources.filter((each) => each.type === type).length]));
}
