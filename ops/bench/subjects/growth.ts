import { mkdtempSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Alerts } from "../../../infra/alerts";
import { Apis } from "../../../infra/apis";
import { loadConfig } from "../../../infra/config";
import { Credentials } from "../../../infra/credentials";
import { Database } from "../../../infra/database";
import { Identity } from "../../../infra/identity";
import { readMigrations } from "../../../infra/migrations/files";
import { Schema } from "../../../infra/schema";
import { Service } from "../../../infra/service";
import { findCli } from "../../cli";
import { startProviders } from "../../providers";
import { openPrivateStack, ROOT } from "../../workspace";

// Previews a stack of COUNT services, each with its database, credentials, schema and alerts as prod has them; only the
// APIs that are enabled are one and the same. Without policies: what these cost for each resource is a figure of its own.
function services(count: number): void {
  const config = loadConfig();
  const migrations = readMigrations(join(ROOT, "migrations"));
  const apis = new Apis("settlement");
  const labels = { app: "settlement", environment: config.environment, "managed-by": "pulumi" };
  for (let number = 0; number < count; number++) {
    const name = `settlement-${number}`;
    const database = new Database(name, { apis, config, network: undefined, labels });
    const { instanceName, connectionName } = database;
    const identity = new Identity(name, { apis, config, instanceName });
    const credentials = new Credentials(name, { apis, config, database, reader: identity.member, labels });
    const schema = new Schema(name, { apis, config, database, migrations, labels });
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

async function main(): Promise<void> {
  const count = Number(process.argv[2]);
  const command = await findCli(() => undefined);
  mkdirSync(join(ROOT, ".local"), { recursive: true });
  const folder = mkdtempSync(join(ROOT, ".local", "bench-growth-"));
  const providers = await startProviders(command);
  try {
    const env = { GOOGLE_OAUTH_ACCESS_TOKEN: "none", PULUMI_GCP_SKIP_REGION_VALIDATION: "true", ...providers.env };
    const stack = await openPrivateStack({ name: "prod", folder, command, config: {}, env }, () => undefined);
    const program = () => {
      services(count);
      return Promise.resolve();
    };
    const { changeSummary } = await stack.preview({ program, color: "never" });
    if ((changeSummary.create ?? 0) < count * 30) throw new Error(JSON.stringify(changeSummary));
    process.stdout.write(JSON.stringify(changeSummary));
  } finally {
    await providers.stop();
    rmSync(folder, { recursive: true });
  }
}

void main();
