import { randomBytes } from "node:crypto";
import { constants, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import type { Client } from "pg";
import type { Binaries } from "../../postgres/binaries.ts";
import { copyCluster } from "../../postgres/copy.ts";
import { endLeftover } from "../../postgres/leftover.ts";
import { runScript } from "../../postgres/run.ts";
import { PostgresServer, type Settings } from "../../postgres/server.ts";
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

/** The PostgreSQL server of one instance, initialised and started on demand. */
export class Cluster {
  private readonly server: PostgresServer;
  private readonly data: string;
  /** Written once the system roles exist; without it the data directory is initialised again. */
  private readonly complete: string;
  private starting: Promise<void> | undefined;
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
    rmSync(former, { recursive: true });
  }

  private async start(settings: Settings): Promise<void> {
    const former = join(this.folder, "former");
    if (!existsSync(this.data) && existsSync(former)) renameSync(former, this.data);
    if (!existsSync(this.complete)) await this.server.initialise(ADMIN, this.password);
    await this.server.start(settings);
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
