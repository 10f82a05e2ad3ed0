import * as pulumi from "@pulumi/pulumi";
import { mkdtempSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { withoutAdoption } from "../../infra/adoption/adopt.ts";
import { Alerts } from "../../infra/alerts.ts";
import { Apis } from "../../infra/apis.ts";
import { loadConfig } from "../../infra/config.ts";
import { Credentials } from "../../infra/credentials.ts";
import { Database } from "../../infra/database.ts";
import { Identity } from "../../infra/identity.ts";
import { readMigrations } from "../../infra/migrations/files.ts";
import { MANAGED_BY, PROJECT } from "../../infra/names.ts";
import { Schema } from "../../infra/schema.ts";
import { Service } from "../../infra/service.ts";
import { startLocal } from "../../ops/engine/local.ts";
import { type OpenStack, openOffline } from "../../ops/engine/open.ts";
import { ROOT } from "../../ops/engine/stack-file.ts";

// Previews or makes a stack of COUNT services. In a preview each has its database, credentials, schema and alerts as prod
// has them, and only the APIs that are enabled are one and the same. What is made shares the instance with its logins and
// the schema too, because a PostgreSQL server for each of a hundred services is more than one machine runs. Without
// policies: what these cost for each resource is a figure of its own.
type Way = "preview" | "up";

function services(count: number, way: Way): void {
  const config = withoutAdoption(loadConfig());
  const migrations = readMigrations(join(ROOT, "migrations"));
  const apis = new Apis(PROJECT);
  const labels = { app: PROJECT, environment: config.environment, ...MANAGED_BY };
  const store = (name: string) => {
    const database = new Database(name, { apis, config, network: undefined, labels });
    return { database, schema: new Schema(name, { apis, config, database, migrations, labels }) };
  };
  const shared = way === "up" ? store(PROJECT) : undefined;
  if (shared) pulumi.runtime.registerStackTransformation(numbered);
  for (let number = 0; number < count; number++) {
    const name = `settlement-${number}`;
    const { database, schema } = shared ?? store(name);
    const { instanceName, connectionName } = database;
    const identity = new Identity(name, { apis, config, instanceName });
    const credentials = new Credentials(name, { apis, config, database, reader: identity.member, labels });
    const service = new Service(name, {
      apis,
      config,
      account: identity.email,
      connectionName,
      databaseUrl: credentials.connectionString,
      network: undefined,
      labels,
      held: [],
      dependsOn: [...schema.imported, identity.client, credentials.accessor],
    });
    new Alerts(name, { apis, config, instanceName, serviceName: service.name, serviceUrl: service.url, labels });
  }
}

/** What has a fixed name in the project, and is there once for each service, gets the service's number behind it. */
const NAMES = ["accountId", "name", "secretId"];

function numbered({ name, opts, props }: pulumi.ResourceTransformationArgs): pulumi.ResourceTransformationResult {
  const number = /^settlement-(\d+)-/.exec(name)?.[1];
  const entries = Object.entries(props as Record<string, unknown>).map(([key, value]) =>
    number !== undefined && NAMES.includes(key) && typeof value === "string"
      ? [key, `${value}-${number}`]
      : [key, value],
  );
  return { opts, props: Object.fromEntries(entries) as pulumi.Inputs };
}

const WAYS: Readonly<Record<Way, (folder: string) => Promise<OpenStack>>> = {
  preview: () => openOffline("prod", undefined, () => undefined),
  up: async (folder) => {
    const local = await startLocal(folder, () => undefined);
    // The engine writes all of the state for each step, which is the square of the services, and not ours.
    local.stack.workspace.envVars.PULUMI_SKIP_CHECKPOINTS = "true";
    return local;
  },
};

async function main(): Promise<void> {
  const [way, text] = process.argv.slice(2);
  if (way !== "preview" && way !== "up") throw new Error(`One of ${Object.keys(WAYS).join(", ")}.`);
  const count = Number(text);
  mkdirSync(join(ROOT, ".local"), { recursive: true });
  const folder = mkdtempSync(join(ROOT, ".local", "bench-growth-"));
  const program = () => {
    services(count, way);
    return Promise.resolve();
  };
  const { stack, stop } = await WAYS[way](folder);
  try {
    const { create = 0 } =
      way === "preview"
        ? (await stack.preview({ program, color: "never" })).changeSummary
        : ((await stack.up({ program, color: "never", suppressOutputs: true })).summary.resourceChanges ?? {});
    if (create < count * 30) throw new Error(`Only ${create} resources.`);
  } finally {
    await stop();
    rmSync(folder, { recursive: true });
  }
}

void main();
