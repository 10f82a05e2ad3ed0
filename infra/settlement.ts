import * as pulumi from "@pulumi/pulumi";
import { join } from "node:path";
import { adoption, declareClient, existingVersion, keepsSchema } from "./adoption/adopt.ts";
import { Alerts } from "./alerts.ts";
import { Apis } from "./apis.ts";
import type { StackConfig } from "./config.ts";
import { Credentials } from "./credentials.ts";
import { Database } from "./database.ts";
import { Frontend } from "./frontend.ts";
import { Identity } from "./identity.ts";
import { MigrationJob } from "./migration-job.ts";
import { readMigrations, readRepeatables } from "./migrations/files.ts";
import { MANAGED_BY, PROJECT } from "./names.ts";
import { Network } from "./network.ts";
import { Schema } from "./schema.ts";
import { type HeldRevision, Service } from "./service.ts";

/** The stack's outputs; none is a credential. */
export interface Outputs {
  readonly instanceName: pulumi.Output<string>;
  /** `PROJECT:REGION:INSTANCE`. */
  readonly connectionName: pulumi.Output<string>;
  readonly serviceUrl: pulumi.Output<string>;
  /** IP address of the load balancer; undefined without one. */
  readonly frontendAddress?: pulumi.Output<string>;
  /** Id of the secret. */
  readonly passwordSecret: pulumi.Output<string>;
  /** Id of the secret. */
  readonly connectionStringSecret: pulumi.Output<string>;
  readonly migrationsBucket: pulumi.Output<string>;
  readonly schemaVersion: pulumi.Output<string>;
}

const MIGRATIONS = join(import.meta.dirname, "..", "migrations");

/**
 * Declares the settlement service and everything it needs.
 * @param migrations In the order of their versions; the repository's by default.
 * @param held The revisions that serve the traffic while the newest is tested; none by default.
 * @param repeatables The repeatable migrations; the repository's by default.
 * @param heldRegion The region that the load balancer leads to while the newest revision is tested; that of the primary by default.
 */
export function settlement(
  config: StackConfig,
  migrations = readMigrations(MIGRATIONS),
  held: readonly HeldRevision[] = [],
  repeatables = readRepeatables(MIGRATIONS),
  heldRegion?: string,
): Outputs {
  const { environment, migrationJob } = config;
  const name = PROJECT;
  const labels = { app: name, environment, ...MANAGED_BY };

  pulumi.runtime.registerStackTransformation(adoption(config));
  const apis = new Apis(name);
  const network = config.network && new Network(name, { config, ranges: config.network });
  const database = new Database(name, { apis, config, network, labels });
  // A binding takes minutes to act: this one gets as long as the instance takes to be created.
  const { plannedName, plannedReplica } = database;
  const identity = new Identity(name, { apis, config, instanceName: plannedName, replicaName: plannedReplica });
  declareClient(config, identity);
  const firstVersion = existingVersion(config);
  const credentials = new Credentials(name, { apis, config, database, reader: identity.member, firstVersion, labels });
  const schema = new Schema(name, {
    ...{ apis, config, database, migrations, repeatables, labels },
    imports: keepsSchema(config),
  });
  const runtime = {
    apis,
    config,
    account: identity.email,
    connectionName: database.connectionName,
    databaseUrl: credentials.connectionString,
    network,
    labels,
  };
  const bindings = [...identity.clients, credentials.accessor];
  const { primaryRegion } = database;
  const serviceIn = (region: string, prefix: string) =>
    new Service(prefix, {
      ...runtime,
      region,
      minInstances: region === primaryRegion ? config.service.minInstances : 0,
      held: region === primaryRegion ? held : [],
      dependsOn: [...schema.imported, ...bindings],
    });
  const home = serviceIn(config.region, name);
  const { replica } = config.database;
  const standby = replica && serviceIn(replica.region, `${name}-standby`);
  const service = standby && primaryRegion === replica.region ? standby : home;
  const services = { [config.region]: home, ...(standby && { [replica.region]: standby }) };
  const frontend =
    config.frontend &&
    new Frontend(name, {
      frontend: config.frontend,
      services,
      region: heldRegion ?? primaryRegion,
      labels,
    });
  const regions = [config.region, ...(replica ? [replica.region] : [])];
  new Alerts(name, { apis, config, database, service, regions, labels });
  if (migrationJob) new MigrationJob(name, { ...runtime, image: migrationJob.image, dependsOn: bindings });

  return {
    instanceName: database.instanceName,
    connectionName: database.connectionName,
    serviceUrl: service.url,
    ...(frontend && { frontendAddress: frontend.address }),
    passwordSecret: credentials.passwordSecretId,
    connectionStringSecret: credentials.connectionString.secretId,
    migrationsBucket: schema.bucketName,
    schemaVersion: schema.version,
  };
}
