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
import { shortenStackTraces } from "../../infra/stack-traces.ts";
import { startLocal } from "../../ops/engine/local.ts";
import { type OpenStack, openOffline } from "../../ops/engine/open.ts";
import { ROOT } from "../../ops/engine/stack-file.ts";

// Previews or creates a stack of COUNT services without policies, which have their own figure. In a preview each service has
// its own database, credentials, schema and alerts as in prod; only the enabled APIs are shared. An update also shares the
// instance, its logins and the schema, because one machine cannot run 100 PostgreSQL servers.
type Way = "preview" | "up";

function services(count: number, way: Way): void {
  shortenStackTraces();
  const config = withoutAdoption(loadConfig());
  const migrations = readMigrations(join(ROOT, "migrations"));
  const { region } = config;
  const { minInstances } = config.service;
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
      region,
      minInstances,
      dependsOn: [...schema.imported, ...identity.clients, credentials.accessor],
    });
    new Alerts(name, { apis, config, database, service, regions: [region], labels });
  }
}

/** The properties with a name that must be unique in the project: the service's number is appended. */
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
    // Otherwise the engine writes the whole state at each step, which grows with the square of the services.
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
