import { resolve } from "node:path";
import { Agents } from "./iam/agents.ts";
import { Access, fullName, projectResource } from "./iam/access.ts";
import { ArtifactRegistry } from "./apis/artifactregistry/api.ts";
import { CloudRun } from "./apis/cloudrun/api.ts";
import type { Program } from "./apis/cloudrun/launch.ts";
import { Kms } from "./apis/kms/api.ts";
import { lock } from "./state/lock.ts";
import { Entries } from "./apis/logging/entries.ts";
import { Logging } from "./apis/logging/api.ts";
import { Compute } from "./apis/compute/api.ts";
import { Frontends } from "./apis/compute/frontends.ts";
import { LoadBalancers } from "./apis/compute/load-balancers.ts";
import { Networks } from "./apis/compute/networks.ts";
import { createCloudSql } from "./apis/cloudsql/service.ts";
import type { OpenSocket } from "./apis/cloudsql/socket.ts";
import { Identities, OWNER } from "./iam/identities.ts";
import { Policies } from "./iam/policies.ts";
import { PolicyRequests } from "./iam/requests.ts";
import { Roles } from "./iam/roles.ts";
import { Monitoring } from "./apis/monitoring/api.ts";
import { Gauges } from "./apis/monitoring/gauges.ts";
import { LostRegions, type Outages } from "./server/outages.ts";
import { Projects } from "./server/projects.ts";
import { ResourceManager } from "./apis/resourcemanager/api.ts";
import { RolesApi } from "./apis/roles/api.ts";
import { SecretManager } from "./apis/secretmanager/api.ts";
import { Faults } from "./server/faults.ts";
import { createServer } from "./server/server.ts";
import { ServiceAccounts } from "./apis/serviceaccounts/accounts.ts";
import { ServiceAccountsApi } from "./apis/serviceaccounts/api.ts";
import { CredentialsApi } from "./apis/serviceaccounts/credentials.ts";
import { ServiceNetworking } from "./apis/servicenetworking/api.ts";
import { EnabledServices } from "./server/enabled-services.ts";
import { ServiceUsage } from "./apis/serviceusage/api.ts";
import { Storage } from "./apis/storage/api.ts";
import { Store } from "./state/store.ts";
import { WorkloadIdentity } from "./apis/workloadidentity/api.ts";

export type { Program } from "./apis/cloudrun/launch.ts";
export { mountProblem } from "./apis/cloudrun/namespace.ts";
export { OWNER } from "./iam/identities.ts";
export type { Outages } from "./server/outages.ts";
export { type Aim, API_NAMES, type Delays, type Fault, type Injection } from "./server/faults.ts";
export { LockedError } from "./state/lock.ts";
export { StoreError } from "./state/store.ts";

export interface CloudOptions {
  /** The state folder; a restart reuses the state in it. */
  readonly folder: string;
  /** Port on 127.0.0.1; 0 (the default) chooses a free one. */
  readonly port?: number;
  /** Ids of the projects; all belong to the owner. */
  readonly projects: readonly string[];
  /** The program to run for each image: by reference, with or without a tag or digest. Default: none. */
  readonly images?: Readonly<Record<string, Program>>;
}

/** A running embedded cloud. */
export interface EmbeddedCloud {
  /** `http://127.0.0.1:PORT`; the paths are Google's. */
  readonly url: string;
  /** Callers and their tokens. */
  readonly identities: Identities;
  /** Faults to inject into calls, for tests. */
  readonly faults: Faults;
  /** The loss of Cloud SQL instances and of regions, for tests. */
  readonly outages: Outages;
  /** The measured values of Cloud Monitoring. */
  readonly gauges: Gauges;
  /** Opens a socket to an instance, as the Cloud SQL Auth Proxy does. */
  readonly openSocket: OpenSocket;
  /**
   * Lets the Cloud SQL Auth Proxy and the Cloud SQL connectors connect: opens port 3307, which they always use.
   * @param host A loopback address; 127.0.0.1 by default. Linux has others, such as 127.0.0.2.
   * @throws Error with code EADDRINUSE if another program has it.
   */
  readonly listenForConnectors: (host?: string) => Promise<void>;
  /** Stops the server and all its processes; the state remains. */
  stop(): Promise<void>;
}

/**
 * Starts the embedded Google Cloud.
 * @throws Error with code EADDRINUSE if the port is in use; StoreError if the state is damaged; LockedError if another
 * embedded cloud is using the folder.
 */
export async function startCloud(options: CloudOptions): Promise<EmbeddedCloud> {
  const folder = resolve(options.folder); // PostgreSQL's programs have another working directory
  const store = new Store(folder);
  const unlock = lock(folder);
  const parts = await assemble(options, store);
  const stop = async () => {
    await parts.stop();
    unlock();
  };
  try {
    const url = await parts.app.listen({ host: "127.0.0.1", port: options.port ?? 0 });
    parts.resume();
    const { faults, gauges, identities, listenForConnectors, openSocket, outages } = parts;
    return { url, identities, faults, gauges, listenForConnectors, openSocket, outages, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Creates the APIs and the server, which does not listen yet. */
async function assemble(options: CloudOptions, store: Store) {
  const projects = new Projects(options.projects);
  const policies = new Policies(store);
  const roles = new Roles(store);
  const faults = new Faults();
  const access = new Access(policies, roles, faults.delays);
  const services = new EnabledServices(store, projects, faults.delays);
  const identities = new Identities(store.folder);
  for (const project of projects.ids) grantOwner(policies, project);

  const accounts = new ServiceAccounts(store, projects, policies);
  const agents = new Agents(store, projects, policies, faults.delays);
  for (const project of projects.ids) agents.onEnabled(services.list(project), project);
  const isMissing = (email: string) => accounts.isMissing(email) || agents.isMissing(email);
  const iam = new PolicyRequests(policies, access, { isMissing });
  const secretManager = new SecretManager(store, projects, access, policies, iam);
  const storage = new Storage(store, projects, access, policies, iam);
  const networks = new Networks(store);
  const balancers = new LoadBalancers(store, networks);
  const entries = new Entries(store.folder);
  const cloudSql = await createCloudSql({
    store,
    projects,
    access,
    services,
    networks,
    objects: storage,
    writeEntry: entries.write,
  });

  const { openSocket } = cloudSql;
  const gauges = new Gauges(cloudSql.measure);
  const cloudRun = new CloudRun({
    store,
    projects,
    access,
    policies,
    iam,
    accounts,
    identities,
    secrets: secretManager,
    openSocket,
    writeEntry: entries.write,
    images: options.images ?? {},
  });

  const apis = {
    artifactregistry: [new ArtifactRegistry(Object.keys(options.images ?? {}), projects, iam)],
    cloudkms: [new Kms(store, projects, iam)],
    cloudresourcemanager: [new ResourceManager(projects, iam)],
    compute: [new Compute(networks, balancers, projects, access), new Frontends(balancers, cloudRun)],
    iam: [
      new ServiceAccountsApi(accounts, projects, iam),
      new RolesApi(roles, projects),
      new WorkloadIdentity(store, projects),
    ],
    iamcredentials: [new CredentialsApi(accounts, identities)],
    logging: [new Logging(entries, projects, access, services)],
    monitoring: [new Monitoring(store, projects, gauges, access)],
    run: [cloudRun],
    secretmanager: [secretManager],
    servicenetworking: [new ServiceNetworking(networks, projects, access, services)],
    serviceusage: [new ServiceUsage(projects, services, agents)],
    sqladmin: [cloudSql.api],
    storage: [storage],
  };
  const { instances } = cloudSql;
  const regions = new LostRegions({
    lose: async (region) => {
      await cloudRun.loseIn(region);
      return instances.loseIn(region);
    },
    regionOf: ({ body, params }) => {
      const { bucket, host, instance, location, project, region } = params as Readonly<Record<string, string>>;
      const wanted = body as Readonly<Record<string, unknown>> | undefined;
      const places = [
        location,
        region,
        host !== undefined && cloudRun.regionOf(host),
        bucket !== undefined && storage.locationOf(bucket),
        project !== undefined && instance !== undefined && instances.regionOf(projects.id(project), instance),
        wanted?.region,
        wanted?.location,
      ];
      return places.find((place) => typeof place === "string");
    },
  });
  const outages: Outages = {
    begin: (project, instance) => instances.lose(project, instance),
    sever: (project, replica) => instances.sever(project, replica),
    end: (project, instance) => instances.giveBack(project, instance),
    beginRegion: (region) => regions.begin(region),
    endRegion: (region) => regions.end(region),
  };
  const app = createServer({ identities, access, projects, services }, apis, faults, regions);
  return {
    app,
    faults,
    gauges,
    identities,
    listenForConnectors: cloudSql.listen,
    openSocket,
    outages,
    resume: () => {
      cloudRun.resume();
    },
    stop: async () => {
      await app.close();
      await cloudRun.stop();
      await cloudSql.stop();
      entries.close();
    },
  };
}

function grantOwner(policies: Policies, project: string): void {
  const name = fullName(projectResource(project));
  if (policies.get(name).bindings.length > 0) return;
  policies.set(name, { bindings: [{ role: "roles/owner", members: [OWNER] }] });
}
