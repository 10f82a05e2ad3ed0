import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { GoogleError } from "../../rest/errors.ts";
import { type Fields, mergePatch } from "../../rest/fields.ts";
import { shortName } from "../../rest/names.ts";
import type { Resource } from "../../iam/access.ts";
import type { WriteEntry } from "../logging/entries.ts";
import type { Networks } from "../compute/networks.ts";
import type { Projects } from "../../server/projects.ts";
import type { Collection, Store } from "../../state/store.ts";
import type { Authority } from "./authority.ts";
import { adminPassword, Cluster } from "./cluster.ts";
import { binariesFor, checkFixed, checkFresh, type Instance, majorOf, newInstance, stamped } from "./instance.ts";
import { ownName, primaryNameOf } from "./instance-name.ts";
import { type Operation, OperationError, type Operations, type OperationType } from "./operations.ts";
import { logEntry } from "./log.ts";
import { setPassword } from "./roles.ts";
import { postgresFlags } from "./flags.ts";
import { invalid } from "./invalid.ts";
import {
  checkPair,
  checkPrimary,
  checkReplica,
  designate,
  designates,
  invalidOperation,
  isReplica,
  refuseOnReplica,
} from "./replica-rules.ts";
import { checkKept, completeSettings, settingsAfterDemotion } from "./settings.ts";

/** How long the name of a deleted instance stays reserved, in milliseconds. */
const NAME_RESERVED = 7 * 24 * 3600 * 1000;

/** The resource on which permissions on an instance are checked. */
export function instanceResource(project: string, instance: string): Resource {
  return {
    project,
    service: "sqladmin.googleapis.com",
    type: "sqladmin.googleapis.com/Instance",
    name: `projects/${project}/instances/${instance}`,
  };
}

/** Called before an instance's data is deleted. @param copyTo Copies the data into a folder. */
type DeleteListener = (instance: Instance, copyTo: (folder: string) => Promise<void>) => Promise<void> | void;

/** Called when an instance takes the place of another. */
type TakeOverListener = (project: string, from: string, to: string) => void;

/** Cloud SQL instances. Each has its own PostgreSQL server, because roles belong to a whole server. */
export class Instances {
  private readonly instances: Collection<Instance>;
  private readonly deleted: Collection<{ readonly at: string }>;
  private readonly clusters = new Map<string, Cluster>();
  private readonly deleteListeners: DeleteListener[] = [];
  /** The replicas that nothing leads to; not kept across a restart. */
  private readonly severed = new Set<string>();
  private readonly takeOverListeners: TakeOverListener[] = [];
  private readonly password: string;
  private readonly projects: Projects;
  private readonly operations: Operations;
  readonly folder: string;
  private readonly networks: Networks;
  private readonly authority: Authority;
  private readonly writeEntry: WriteEntry;

  /** @param folder Holds the data directories. Its path may be long: sockets are elsewhere. */
  constructor(
    store: Store,
    projects: Projects,
    operations: Operations,
    folder: string,
    networks: Networks,
    authority: Authority,
    writeEntry: WriteEntry,
  ) {
    this.projects = projects;
    this.operations = operations;
    this.folder = folder;
    this.networks = networks;
    this.authority = authority;
    this.writeEntry = writeEntry;
    this.instances = store.collection("cloudsql-instances");
    this.deleted = store.collection("cloudsql-deleted-instances");
    this.password = adminPassword(folder);
  }

  onDelete(listener: DeleteListener): void {
    this.deleteListeners.push(listener);
  }

  /** @throws GoogleError NOT_FOUND. */
  get(project: string, name: string): Instance {
    const found = this.instances.get(`${project}/${name}`);
    if (!found) {
      throw new GoogleError("NOT_FOUND", "The Cloud SQL instance does not exist.", "instanceDoesNotExist");
    }
    return found;
  }

  /** An instance as the API shows it: with its replicas. @throws GoogleError NOT_FOUND. */
  show(project: string, name: string): Instance {
    return this.shown(this.get(project, name));
  }

  /** The instances of a project, as the API shows them. */
  showAll(project: string): Instance[] {
    return this.list(project).map((instance) => this.shown(instance));
  }

  private shown(instance: Instance): Instance {
    const { name, project } = instance;
    const replicaNames = this.list(project)
      .filter((each) => primaryNameOf(each) === name)
      .map((each) => each.name);
    const primary = this.primaryOf(instance);
    const drReplica = primary?.replicationCluster?.failoverDrReplicaName === `${project}:${name}`;
    return {
      ...instance,
      ...(replicaNames.length > 0 && { replicaNames }),
      ...(drReplica && { replicationCluster: { drReplica } }),
    };
  }

  list(project: string): Instance[] {
    return this.instances.values().filter((instance) => instance.project === project);
  }

  insert(project: string, body: unknown, caller: string): Operation {
    const id = this.projects.id(project);
    const primary = this.wantedPrimary(id, body as Fields);
    const instance = newInstance({ id, number: this.projects.number(project) }, body as Fields, primary);
    if (primary) checkReplica(primary, instance, this.replicasOf(primary));
    this.requirePeering(instance);
    const key = keyOf(instance);
    const deleted = this.deleted.get(key);
    if (this.instances.get(key) || (deleted && Date.parse(deleted.at) + NAME_RESERVED > Date.now())) {
      throw new GoogleError(
        "ALREADY_EXISTS",
        "The Cloud SQL instance already exists. When you delete an instance, you can't reuse the name of the deleted " +
          "instance until one week from the deletion date.",
        "instanceAlreadyExists",
      );
    }
    const { rootPassword } = body as { rootPassword?: string | null };
    const make = async () => {
      const cluster = this.cluster(instance);
      if (primary) await cluster.copyFrom(await this.running(primary.project, primary.name), slotOf(instance));
      await cluster.ensure(postgresFlags(instance.settings.databaseFlags));
      if (rootPassword) await cluster.asAdmin((client) => setPassword(client, "postgres", rootPassword));
      await this.obeyPolicy(instance);
      this.instances.put(
        key,
        stamped({ ...instance, serverCaCert: await this.authority.certificate(instance.name), state: "RUNNABLE" }),
      );
    };
    const type = primary ? "CREATE_REPLICA" : "CREATE";
    const operation = this.operations.begin(this.target(type, instance, caller), make, () => this.remove(instance));
    this.instances.put(key, instance);
    return operation;
  }

  /**
   * Changes an instance's settings.
   * @param how `patch` merges the request into them; `replace` takes the request and defaults for the rest.
   */
  change(project: string, name: string, body: unknown, caller: string, how: "patch" | "replace"): Operation {
    const instance = this.get(project, name);
    const fields = body as Fields;
    if (instance.state === "FAILED") throw invalid("Invalid request since instance is not running");
    checkFixed(instance, fields);
    checkFresh(instance, fields);
    const { dataDiskSizeGb } = instance.settings;
    const sent =
      how === "patch"
        ? mergePatch<Fields>(instance.settings, fields.settings ?? {})
        : { dataDiskSizeGb, ...(fields.settings as Fields | undefined) };
    const version = Number(instance.settings.settingsVersion) + 1;
    const role = isReplica(instance) ? "replica" : "primary";
    const settings = completeSettings(sent, majorOf(instance), instance.region, version, role);
    checkKept(instance.settings, settings);
    const primary = this.primaryOf(instance);
    const replicas = this.replicasOf(instance);
    if (primary) checkPair({ ...primary.settings, dataDiskSizeGb: "0" }, settings);
    checkPrimary(settings, replicas);
    const changed: Instance = { ...instance, settings, gceZone: settings.locationPreference.zone };
    const next = stamped(designates(fields) ? designate(changed, fields.replicationCluster, replicas) : changed);
    this.requirePeering(next);
    return this.operations.begin(this.target("UPDATE", instance, caller), async () => {
      await this.applyFlags(instance, next);
      await this.obeyPolicy(next);
      this.instances.put(keyOf(next), next);
    });
  }

  /** @throws GoogleError INVALID_ARGUMENT if the private network is not peered with the network of Google's services. */
  private requirePeering({ name, project, settings }: Instance): void {
    const { privateNetwork } = settings.ipConfiguration;
    if (typeof privateNetwork !== "string" || this.networks.servicesRange(privateNetwork) !== undefined) return;
    throw invalid(`Incorrect Service Networking config for instance: ${project}:${name}:NETWORK_NOT_PEERED`);
  }

  /**
   * Deletes an instance.
   * @param accepted Called when nothing forbids it.
   * @param undone Called if it fails.
   */
  delete(
    project: string,
    name: string,
    caller: string,
    { accepted, undone }: { accepted: (instance: Instance) => void; undone: (instance: Instance) => void },
  ): Operation {
    const instance = this.get(project, name);
    if (instance.settings.deletionProtectionEnabled) {
      throw new GoogleError(
        "FAILED_PRECONDITION",
        "The instance is protected. Please disable the deletion protection and try again. To disable deletion " +
          "protection, update the instance settings with deletionProtectionEnabled set to false.",
        "protectedInstanceDeletionFailure",
      );
    }
    const [replica] = this.replicasOf(instance);
    if (replica) throw invalidOperation(`it has the replica ${replica.name}, which must be deleted first`);
    accepted(instance);
    const undo = () => {
      undone(instance);
      this.instances.put(keyOf(instance), instance);
    };
    const operation = this.operations.begin(this.target("DELETE", instance, caller), () => this.bury(instance), undo);
    this.instances.put(keyOf(instance), { ...instance, state: "PENDING_DELETE" });
    return operation;
  }

  restart(project: string, name: string, caller: string): Operation {
    const instance = this.requireRunning(project, name);
    return this.operations.begin(this.target("RESTART", instance, caller), async () => {
      await this.cluster(instance).stop();
      await this.serve(instance);
    });
  }

  /** @throws GoogleError NOT_FOUND; INVALID_ARGUMENT if the instance is stopped or not ready. */
  requireRunning(project: string, name: string): Instance {
    const instance = this.get(project, name);
    if (!isLive(instance)) {
      throw invalid("Invalid request since instance is not running");
    }
    return instance;
  }

  /** Whether a client in these networks reaches an instance: at its public address, or by the peering of its own network. */
  isReachable({ settings }: Instance, networks: readonly string[]): boolean {
    const { ipv4Enabled, privateNetwork } = settings.ipConfiguration;
    if (ipv4Enabled) return true;
    const peered = typeof privateNetwork === "string" && this.networks.servicesRange(privateNetwork) !== undefined;
    return peered && networks.includes(shortName(privateNetwork));
  }

  /** The instance's PostgreSQL, running. @throws GoogleError as {@link requireRunning}. */
  async running(project: string, name: string): Promise<Cluster> {
    return this.serve(this.requireRunning(project, name));
  }

  /**
   * As {@link running}, to change its data.
   * @throws GoogleError as {@link requireRunning}; INVALID_ARGUMENT for a replica.
   */
  async writable(project: string, name: string): Promise<Cluster> {
    refuseOnReplica(this.requireRunning(project, name));
    return this.running(project, name);
  }

  /** Path of a running instance's Unix socket. @throws GoogleError as {@link requireRunning}. */
  async socket(project: string, name: string): Promise<string> {
    const cluster = await this.running(project, name);
    return cluster.socket(postgresFlags(this.get(project, name).settings.databaseFlags));
  }

  /** The replicas of an instance that are not being created. */
  replicasOf({ project, name }: Instance): Instance[] {
    return this.list(project).filter((each) => primaryNameOf(each) === name && each.state !== "PENDING_CREATE");
  }

  /** The primary of a replica; undefined for other instances. */
  primaryOf(instance: Instance): Instance | undefined {
    const name = primaryNameOf(instance);
    return name === undefined ? undefined : this.get(instance.project, name);
  }

  /** The name of the instance whose users and databases one has: its primary's if it is a replica. */
  source(project: string, name: string): string {
    return primaryNameOf(this.get(project, name)) ?? name;
  }

  /** Called when an instance takes the place of another, whose users and databases it has. */
  onTakeOver(listener: TakeOverListener): void {
    this.takeOverListeners.push(listener);
  }

  /** Tells the listeners that an instance takes the place of another. */
  copyKnown(project: string, from: string, to: string): void {
    this.severed.delete(`${project}/${to}`);
    for (const listener of this.takeOverListeners) listener(project, from, to);
  }

  /** Stores what has changed of an instance. */
  keep(instance: Instance): void {
    this.instances.put(keyOf(instance), instance);
  }

  /** Whether an instance's data are those of a standby. */
  isStandby(instance: Instance): boolean {
    return this.cluster(instance).isStandby;
  }

  /** Does work on instances that serve nothing meanwhile. */
  async maintain(instances: readonly Instance[], work: () => Promise<void>): Promise<void> {
    for (const instance of instances) this.keep({ ...instance, state: "MAINTENANCE" });
    try {
      await work();
    } finally {
      for (const instance of instances) this.keep(instance);
    }
  }

  /** Makes the servers of a primary and its replica change places. Both run, and nothing else uses them. */
  async switchOver(primary: Instance, replica: Instance): Promise<void> {
    const standby = this.cluster(replica);
    const slots = { there: slotOf(replica), here: slotOf(primary) };
    const flags = postgresFlags(primary.settings.databaseFlags);
    await this.cluster(primary).switchTo(standby, slots, flags);
  }

  /** Makes a former primary a replica; with a new copy of the data if its own went another way. */
  async demote(former: Instance, primary: string): Promise<void> {
    const { replicationCluster: _cluster, ...rest } = this.get(former.project, former.name);
    const next: Instance = stamped({
      ...(rest as Instance),
      instanceType: "READ_REPLICA_INSTANCE",
      masterInstanceName: `${former.project}:${primary}`,
      replicaConfiguration: { kind: "sql#replicaConfiguration" },
      settings: settingsAfterDemotion(former.settings),
    });
    const cluster = this.cluster(former);
    if (!cluster.isStandby) await cluster.discard();
    this.keep(next);
    if (next.state === "RUNNABLE") await this.serve(next);
  }

  /** Lets an instance forget the replicas that it no longer has. */
  private async release(instance: Instance): Promise<void> {
    if (!isLive(instance)) return;
    const slots = this.replicasOf(instance).map(slotOf);
    await (await this.serve(instance)).releaseAllBut(slots);
  }

  /** Loses an instance: its server ends at once, and stays down. */
  async lose(project: string, name: string): Promise<void> {
    const instance = this.requireRunning(project, name);
    this.keep({ ...instance, state: "FAILED" });
    await this.cluster(instance).kill();
  }

  /** Loses the running instances of a region. @returns Gives them back. */
  async loseIn(region: string): Promise<() => Promise<void>> {
    const lost = this.instances.values().filter((instance) => instance.region === region && isLive(instance));
    await Promise.all(lost.map(({ name, project }) => this.lose(project, name)));
    return async () => {
      for (const { name, project } of lost) await this.giveBack(project, name);
    };
  }

  /** The region of an instance; undefined if it does not exist. */
  regionOf(project: string, name: string): string | undefined {
    return this.instances.get(`${project}/${name}`)?.region;
  }

  /** Lets a replica receive nothing from its primary, until it is promoted. */
  async sever(project: string, name: string): Promise<void> {
    const cluster = await this.running(project, name);
    this.severed.add(`${project}/${name}`);
    await cluster.sever();
  }

  /** Gives a lost instance back, with the data that it had, unless it has become the replica of another. */
  async giveBack(project: string, name: string): Promise<void> {
    const instance: Instance = { ...this.get(project, name), state: "RUNNABLE" };
    this.keep(instance);
    await this.serve(instance);
    await this.release(instance);
  }

  /** Replaces an instance's data with a copy. @param copy A folder. */
  async restore(instance: Instance, copy: string): Promise<void> {
    const key = keyOf(instance);
    this.instances.put(key, { ...instance, state: "MAINTENANCE" });
    try {
      await this.cluster(instance).replaceBy(copy);
      await this.cluster(instance).ensure(postgresFlags(instance.settings.databaseFlags));
    } finally {
      this.instances.put(key, instance);
    }
  }

  /** Recovers from a killed run: removes incomplete instances and completes deletions. */
  async recover(): Promise<void> {
    await this.renewCertificates();
    for (const instance of this.instances.values()) await this.cluster(instance).endLeftover();
    for (const operation of this.operations.interrupted()) {
      const instance = this.instances.get(`${operation.targetProject}/${operation.targetId}`);
      if (/^CREATE(_REPLICA)?$/.test(operation.operationType) && instance?.state === "PENDING_CREATE")
        await this.remove(instance);
      if (operation.operationType === "DELETE" && instance) await this.bury(instance);
      if (instance?.state === "MAINTENANCE") this.instances.put(keyOf(instance), { ...instance, state: "RUNNABLE" });
      const lost = "The embedded cloud was stopped while this operation ran; its outcome is not known. Try again.";
      const error = operation.operationType === "DELETE" ? undefined : new OperationError("INTERNAL_ERROR", lost);
      this.operations.finish(operation, error);
    }
  }

  /** States from before connectors have certificates of authorities whose keys were not kept. */
  private async renewCertificates(): Promise<void> {
    for (const instance of this.instances.values()) {
      if (!instance.serverCaCert || (await this.authority.made(instance.serverCaCert.cert))) continue;
      const serverCaCert = await this.authority.certificate(instance.name);
      this.instances.put(keyOf(instance), stamped({ ...instance, serverCaCert }));
    }
  }

  /** Stops every server; running queries fail. */
  async stop(): Promise<void> {
    await Promise.all([...this.clusters.values()].map((cluster) => cluster.stop()));
  }

  target(type: OperationType, { project, name }: Instance, caller: string) {
    return { type, project, instance: name, caller };
  }

  private cluster(instance: Instance): Cluster {
    const key = keyOf(instance);
    let found = this.clusters.get(key);
    if (!found) {
      const folder = join(this.folder, key.replaceAll(/[/:]/g, "~"));
      found = new Cluster(folder, binariesFor(instance.databaseVersion), this.password, (text) => {
        this.writeEntry(instance.project, logEntry(instance, text));
      });
      this.clusters.set(key, found);
    }
    return found;
  }

  /** If the server does not start with the new flags, starts it with the old ones and fails. */
  private async applyFlags(instance: Instance, next: Instance): Promise<void> {
    const [flags, wanted] = [instance, next].map(({ settings }) => postgresFlags(settings.databaseFlags));
    if (isDeepStrictEqual(flags, wanted)) return;
    const cluster = this.cluster(instance);
    await cluster.stop();
    try {
      await cluster.ensure(wanted ?? {});
    } catch (error) {
      await cluster.ensure(flags ?? {});
      throw error;
    }
  }

  private async obeyPolicy(instance: Instance): Promise<void> {
    if (instance.settings.activationPolicy === "NEVER") await this.cluster(instance).stop();
    else await this.serve(instance);
  }

  /** The primary that a request names. @throws GoogleError PERMISSION_DENIED if there is none, as Cloud SQL. */
  private wantedPrimary(project: string, { masterInstanceName, instanceType, replicationCluster }: Fields) {
    const replica = masterInstanceName !== undefined && masterInstanceName !== null && masterInstanceName !== "";
    const type = instanceType ?? (replica ? "READ_REPLICA_INSTANCE" : "CLOUD_SQL_INSTANCE");
    if (type !== (replica ? "READ_REPLICA_INSTANCE" : "CLOUD_SQL_INSTANCE")) {
      throw invalid(
        `an instance ${replica ? "with" : "without"} masterInstanceName cannot be a ${JSON.stringify(type)}`,
      );
    }
    if (designates({ replicationCluster })) throw invalid("a DR replica must exist before its primary designates it");
    if (!replica) return undefined;
    const name = ownName(project, masterInstanceName);
    if (name === undefined || !this.instances.get(`${project}/${name}`)) {
      throw new GoogleError("PERMISSION_DENIED", "The client is not authorized to make this request.", "notAuthorized");
    }
    return this.requireRunning(project, name);
  }

  /** The running server of an instance, after those of its primary and of that one's other replicas. */
  private async serve(instance: Instance): Promise<Cluster> {
    const primary = this.primaryOf(instance) ?? instance;
    const source = this.cluster(primary);
    const live = primary === instance || isLive(primary);
    if (live) await source.ensure(postgresFlags(primary.settings.databaseFlags));
    for (const replica of this.replicasOf(primary).filter(isLive)) {
      const cluster = this.cluster(replica);
      if (!cluster.exists && !live) continue; // until there is something to copy
      if (!cluster.exists) await cluster.copyFrom(source, slotOf(replica));
      else if (live && !this.severed.has(keyOf(replica))) await cluster.follow(source, slotOf(replica));
      await cluster.ensure(postgresFlags(replica.settings.databaseFlags));
      await cluster.replay(replica.settings.databaseReplicationEnabled !== false);
    }
    return this.cluster(instance);
  }

  private async bury(instance: Instance): Promise<void> {
    this.deleted.put(keyOf(instance), { at: new Date().toISOString() });
    await this.remove(instance);
  }

  private async remove(instance: Instance): Promise<void> {
    const cluster = this.cluster(instance);
    const copyTo = async (folder: string) => {
      await cluster.ensure(postgresFlags(instance.settings.databaseFlags));
      mkdirSync(dirname(folder), { recursive: true, mode: 0o700 });
      await cluster.copyTo(folder);
    };
    for (const listener of this.deleteListeners) await listener(instance, copyTo);
    await cluster.destroy();
    this.clusters.delete(keyOf(instance));
    this.instances.delete(keyOf(instance));
    const primary = this.primaryOf(instance);
    if (primary) await this.forget(primary, instance.name);
  }

  /** Lets an instance forget a replica that is gone, or stands alone. */
  async forget(primary: Instance, replica: string): Promise<void> {
    const { replicationCluster: cluster, ...rest } = primary;
    if (cluster?.failoverDrReplicaName === `${primary.project}:${replica}`) this.keep(stamped(rest));
    await this.release(primary);
  }
}

/** The name of the replication slot on its primary. */
function slotOf({ name }: Instance): string {
  return name.replaceAll("-", "_");
}

/** Whether an instance's server runs, or starts on demand. */
function isLive({ state, settings }: Instance): boolean {
  return state === "RUNNABLE" && settings.activationPolicy !== "NEVER";
}

function keyOf({ project, name }: Instance): string {
  return `${project}/${name}`;
}
