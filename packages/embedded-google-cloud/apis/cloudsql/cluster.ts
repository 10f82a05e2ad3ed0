import { randomBytes } from "node:crypto";
import { constants, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { cp } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "pg";
import type { Binaries } from "../../postgres/binaries.ts";
import { copyCluster } from "../../postgres/copy.ts";
import { endLeftover } from "../../postgres/leftover.ts";
import { runScript } from "../../postgres/run.ts";
import { PostgresServer, type Settings } from "../../postgres/server.ts";
import {
  dropSlot,
  follow,
  isStreaming,
  reserveSlot,
  sever,
  standAlone,
  standBy,
  type Upstream,
} from "../../postgres/standby.ts";
import { ADMIN, createSystemRoles, grantSystemRights, IMPORTER, lendTo, setPassword } from "./roles.ts";

/** The password of `cloudsqladmin` on every instance, in a file that only its owner can read. */
export function adminPassword(folder: string): string {
  const path = join(folder, "admin-password");
  if (!existsSync(path)) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(`${path}.tmp`, randomBytes(24).toString("base64url"), { mode: 0o600 });
    renameSync(`${path}.tmp`, path);
  }
  return readFileSync(path, "utf8");
}

/** How long a promotion may take, in seconds, and a standby to stream, in milliseconds. */
const PROMOTION = 60;
const PATIENCE = 30_000;
const POLL = 20;

/** The PostgreSQL server of one instance, initialised and started on demand. */
export class Cluster {
  private readonly server: PostgresServer;
  private readonly data: string;
  /** Written once the system roles exist; without it the data directory is initialised again. */
  private readonly complete: string;
  private starting: Promise<void> | undefined;
  /** Whether a standby replays what it receives; a start lets it. */
  private replays = true;
  /** What the standby follows, once that is known in this process. */
  private upstream: Upstream | undefined;
  private readonly folder: string;
  private readonly password: string;

  /**
   * @param folder This instance's own folder.
   * @param password The password of `cloudsqladmin`.
   * @param onMessage Gets what the server logs. Nothing does by default.
   */
  constructor(folder: string, binaries: Binaries, password: string, onMessage?: (text: string) => void) {
    this.folder = folder;
    this.password = password;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.data = join(folder, "data");
    this.complete = join(folder, "complete");
    this.server = new PostgresServer(binaries, this.data, undefined, onMessage);
  }

  /** Path of the Unix socket; starts the server if it is stopped. @param settings PostgreSQL's settings. */
  async socket(settings: Settings): Promise<string> {
    await this.ensure(settings);
    return this.server.socket;
  }

  /** Whether the cluster has data. */
  get exists(): boolean {
    return existsSync(this.complete);
  }

  /** Whether the data are a standby's. */
  get isStandby(): boolean {
    return existsSync(join(this.data, "standby.signal"));
  }

  /** Starts the server if it is stopped. @throws Error with PostgreSQL's message. */
  ensure(settings: Settings): Promise<void> {
    if (this.server.isRunning && !this.starting) return Promise.resolve();
    this.starting ??= this.start(settings).finally(() => {
      this.starting = undefined;
    });
    return this.starting;
  }

  /** Stops a server that a killed run left running. */
  async endLeftover(): Promise<void> {
    await endLeftover(this.data);
  }

  /** Stops the server; it can be started again. */
  async stop(): Promise<void> {
    await this.starting?.catch(() => undefined);
    await this.server.stop();
  }

  /** Stops the server and removes its data. */
  async destroy(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Connects as `cloudsqladmin` to the running server. */
  async asAdmin<T>(work: (client: Client) => Promise<T>, database = "postgres"): Promise<T> {
    return this.withClient({ user: ADMIN, password: this.password, database }, work);
  }

  /** As {@link asAdmin}, in a transaction. */
  async inTransaction<T>(work: (client: Client) => Promise<T>): Promise<T> {
    return this.asAdmin(async (client) => {
      await client.query("BEGIN");
      const result = await work(client);
      await client.query("COMMIT");
      return result;
    });
  }

  /**
   * Runs a script as a user, with no more privileges than that user has.
   * @throws Error with the message that psql would print.
   */
  async runScript(database: string, user: string, script: string): Promise<void> {
    const password = randomBytes(24).toString("base64url");
    await this.inTransaction(async (client) => {
      await setPassword(client, IMPORTER, password);
      await lendTo(client, user);
    });
    await this.withClient({ user: IMPORTER, password, database, role: user }, (client) => runScript(client, script));
  }

  /** Copies the data directory while the server runs. @param target A folder that does not exist. */
  async copyTo(target: string): Promise<void> {
    await this.asAdmin((client) => copyCluster(client, this.data, target));
  }

  /** Stops the server and replaces its data directory with a copy. The next start reverts an interrupted attempt. */
  async replaceBy(copy: string): Promise<void> {
    const fresh = join(this.folder, "restored");
    rmSync(fresh, { recursive: true, force: true });
    await cp(copy, fresh, { recursive: true, mode: constants.COPYFILE_FICLONE });
    await this.stop();
    const former = join(this.folder, "former");
    rmSync(former, { recursive: true, force: true });
    renameSync(this.data, former);
    renameSync(fresh, this.data);
    standAlone(this.data);
    rmSync(former, { recursive: true });
  }

  /**
   * Makes a stopped server a standby with a copy of another's data, which runs; what it held before is removed.
   * @param slot Its name on the other.
   */
  async copyFrom(primary: Cluster, slot: string): Promise<void> {
    const fresh = join(this.folder, "copied");
    rmSync(fresh, { recursive: true, force: true });
    await primary.asAdmin((client) => reserveSlot(client, slot));
    await primary.copyTo(fresh);
    rmSync(this.data, { recursive: true, force: true });
    renameSync(fresh, this.data);
    writeFileSync(this.complete, "", { mode: 0o600 });
    await this.follow(primary, slot);
  }

  /** Lets this standby stream from a running server, wherever that listens now. It may run or be stopped. */
  async follow(primary: Cluster, slot: string): Promise<void> {
    const { password } = this;
    const upstream = { host: dirname(primary.server.socket), login: { user: ADMIN, password }, slot };
    if (this.upstream?.host === upstream.host && this.upstream.slot === slot) return;
    await this.starting?.catch(() => undefined);
    if (this.server.isRunning) await this.asAdmin((client) => follow(client, upstream));
    else standBy(this.data, upstream);
    this.upstream = upstream;
  }

  /** Lets this running standby receive nothing more, until {@link follow}. */
  async sever(): Promise<void> {
    await this.asAdmin(sever);
    this.upstream = undefined;
  }

  /** Makes this running standby a server of its own. It first replays all that it received. */
  async promote(): Promise<void> {
    const { rows } = await this.asAdmin((client) =>
      client.query<{ done: boolean }>("SELECT NOT pg_is_in_recovery() OR pg_promote(true, $1) AS done", [PROMOTION]),
    );
    if (rows[0]?.done !== true) throw new Error(`The standby was not promoted within ${PROMOTION} seconds.`);
    this.upstream = undefined;
  }

  /**
   * Makes this running server and its standby change places. All that was committed here is there afterwards.
   * @param standby It streams from here.
   * @param slots The names of both: the standby's here, and this one's there.
   * @param settings With which this one starts again.
   * @throws Error if the standby does not stream, or this one does not stream from it afterwards.
   */
  async switchTo(standby: Cluster, slots: { there: string; here: string }, settings: Settings): Promise<void> {
    await this.untilStreaming(slots.there);
    await standby.asAdmin((client) => reserveSlot(client, slots.here));
    await this.asAdmin((client) => client.query("CHECKPOINT")); // the stop below then takes less time
    await this.stop(); // sends the standby all that was committed, and waits until that has it
    await standby.promote();
    await this.follow(standby, slots.here);
    await this.ensure(settings);
    await standby.untilStreaming(slots.here);
    await this.asAdmin((client) => dropSlot(client, slots.there));
  }

  /** Forgets all standbys but some. @param slots Theirs. */
  async releaseAllBut(slots: readonly string[]): Promise<void> {
    await this.asAdmin(async (client) => {
      const { rows } = await client.query<{ slot: string }>("SELECT slot_name AS slot FROM pg_replication_slots");
      for (const { slot } of rows) if (!slots.includes(slot)) await dropSlot(client, slot);
    });
  }

  /** Lets this running standby replay what it receives, or not. */
  async replay(wanted: boolean): Promise<void> {
    if (this.replays === wanted) return;
    const change = wanted ? "pg_wal_replay_resume" : "pg_wal_replay_pause";
    await this.asAdmin((client) => client.query(`SELECT ${change}() WHERE pg_is_in_recovery()`));
    this.replays = wanted;
  }

  /** Stops the server and removes its data, which the next start makes again. */
  async discard(): Promise<void> {
    await this.stop();
    rmSync(this.complete, { force: true });
    this.upstream = undefined;
  }

  /** Ends the server at once, as the loss of its machine does. It can be started again. */
  async kill(): Promise<void> {
    await this.starting?.catch(() => undefined);
    await this.server.kill();
  }

  /** @throws Error if no standby streams through a slot within {@link PATIENCE}. */
  private async untilStreaming(slot: string): Promise<void> {
    const end = Date.now() + PATIENCE;
    while (!(await this.asAdmin((client) => isStreaming(client, slot)))) {
      if (Date.now() > end) throw new Error(`The standby ${slot} does not stream from its primary.`);
      await delay(POLL);
    }
  }

  private async start(settings: Settings): Promise<void> {
    const former = join(this.folder, "former");
    if (!existsSync(this.data) && existsSync(former)) renameSync(former, this.data);
    if (!existsSync(this.complete)) await this.server.initialise(ADMIN, this.password);
    await this.server.start(settings);
    this.replays = true;
    if (!existsSync(this.complete)) await this.createRoles();
  }

  private async createRoles(): Promise<void> {
    const { major } = this.server.binaries;
    await this.inTransaction((client) => createSystemRoles(client, major));
    for (const database of ["template1", "postgres"]) await this.asAdmin(grantSystemRights, database);
    writeFileSync(this.complete, "", { mode: 0o600 });
  }

  private async withClient<T>(
    login: { user: string; password: string; database: string; role?: string },
    work: (client: Client) => Promise<T>,
  ): Promise<T> {
    const client = await this.server.connect(login);
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  }
}
