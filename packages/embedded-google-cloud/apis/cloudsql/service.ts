import { join } from "node:path";
import type { Access } from "../../iam/access.ts";
import type { Networks } from "../compute/networks.ts";
import type { WriteEntry } from "../logging/entries.ts";
import type { Gauge } from "../monitoring/gauges.ts";
import type { Projects } from "../../server/projects.ts";
import type { EnabledServices } from "../../server/enabled-services.ts";
import type { Store } from "../../state/store.ts";
import { CloudSqlApi } from "./api.ts";
import { Backups } from "./backups.ts";
import { Databases } from "./databases.ts";
import { measureInstances } from "./gauges.ts";
import type { ObjectReader } from "./import.ts";
import { Instances } from "./instances.ts";
import { KeptBackups } from "./kept-backups.ts";
import { Operations } from "./operations.ts";
import { Replicas } from "./replicas.ts";
import { Authority } from "./authority.ts";
import { Connectors } from "./connectors.ts";
import { ServerCas } from "./server-cas.ts";
import { AuthProxy, type OpenSocket } from "./socket.ts";
import { Users } from "./users.ts";

/** Cloud SQL as a whole. */
export interface CloudSql {
  readonly api: CloudSqlApi;
  /** Opens the sockets of Cloud Run's volumes. */
  readonly openSocket: OpenSocket;
  /** Listens, as `EmbeddedCloud.listenForConnectors` describes. */
  readonly listen: (host?: string) => Promise<void>;
  /** Measures a project's instances for Cloud Monitoring. */
  readonly measure: (project: string) => Promise<Gauge[]>;
  /** Its instances, to lose them and give them back. */
  readonly instances: Instances;
  /** Closes every connection and stops every PostgreSQL server; running operations fail. */
  stop(): Promise<void>;
}

/** The parts of the embedded cloud that Cloud SQL needs. */
export interface CloudSqlParts {
  readonly store: Store;
  readonly projects: Projects;
  readonly access: Access;
  readonly services: EnabledServices;
  /** The networks of private addresses. */
  readonly networks: Networks;
  /** Reads the files to import. */
  readonly objects: ObjectReader;
  /** Writes to Cloud Logging. */
  readonly writeEntry: WriteEntry;
}

/** Creates Cloud SQL and recovers from a killed run. Servers start on demand. */
export async function createCloudSql(parts: CloudSqlParts): Promise<CloudSql> {
  const { store, projects, access, services, networks, objects, writeEntry } = parts;
  const operations = new Operations(store);
  const folder = join(store.folder, "postgres");
  const authority = new Authority(folder);
  const instances = new Instances(store, projects, operations, folder, networks, authority, writeEntry);
  const databases = new Databases(store, instances, operations);
  const users = new Users(store, instances, operations);
  const backups = new Backups(store, instances, operations);
  const kept = new KeptBackups(store, instances, backups, operations);
  const replicas = new Replicas(instances, operations);
  const serverCas = new ServerCas(store, instances, operations, authority);
  await replicas.recover();
  await instances.recover();
  const proxy = new AuthProxy(instances, access, projects, services);
  const connectors = new Connectors(instances, authority, proxy);
  return {
    api: new CloudSqlApi(
      projects,
      operations,
      instances,
      databases,
      users,
      backups,
      kept,
      replicas,
      serverCas,
      connectors,
      objects,
    ),
    listen: (host) => connectors.listen(host),
    openSocket: proxy.openSocket,
    instances,
    measure: (project) => measureInstances(instances, project),
    stop: async () => {
      await connectors.stop();
      await proxy.stop();
      await instances.stop();
      await operations.settled();
      await instances.stop(); // the servers that an operation started meanwhile
    },
  };
}
