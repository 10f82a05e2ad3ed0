import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import type { SocketMount } from "../../../../../packages/embedded-google-cloud/apis/cloudsql/socket.ts";
import { type Answer, Embedded, PROJECT } from "../../embedded.ts";

// Servers start slowly on a busy machine.
jest.setTimeout(60_000);

export const ROOT = `/sql/v1beta4/projects/${PROJECT}`;
export const SERVICE = "sqladmin.googleapis.com";
export const STORAGE = "storage.googleapis.com";

/** The smallest request that creates an instance. */
export function instanceBody(name: string, settings: object = {}) {
  return {
    name,
    region: "us-central1",
    databaseVersion: "POSTGRES_17",
    settings: { tier: "db-custom-1-3840", edition: "ENTERPRISE", ...settings },
  };
}

export interface Operation {
  name: string;
  status: string;
  operationType: string;
  error?: { errors: { code: string; message: string }[] };
  backupContext?: { backupId: string };
}

/** Milliseconds between polls: polling without a pause would slow down the operation. */
const POLL = 20;

/** Polls an operation as clients do, until it is done. */
export async function done(embedded: Embedded, answer: Answer): Promise<Operation> {
  if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
  let operation = answer.body as unknown as Operation;
  while (operation.status !== "DONE") {
    await delay(POLL);
    operation = (await embedded.get(`${ROOT}/operations/${operation.name}`)).body as unknown as Operation;
  }
  return operation;
}

/** The message of an operation's error. */
export function failure(operation: Operation): string | undefined {
  return operation.error?.errors[0]?.message;
}

/** Creates an instance and waits for it. */
export async function createInstance(embedded: Embedded, name: string, settings?: object): Promise<void> {
  const operation = await done(embedded, await embedded.post(`${ROOT}/instances`, instanceBody(name, settings)));
  expect(operation.error).toBeUndefined();
}

/** Imports SQL as a user, from a bucket that the instance may read. */
export async function importSql(embedded: Embedded, instance: string, database: string, user: string, sql: string) {
  await embedded.post(`/storage/v1/b?project=${PROJECT}`, { name: "migrations" });
  const { serviceAccountEmailAddress } = (await embedded.get(`${ROOT}/instances/${instance}`)).body;
  await embedded.grant("/storage/v1/b/migrations/iam", {
    role: "roles/storage.objectViewer",
    members: [`serviceAccount:${serviceAccountEmailAddress as string}`],
  });
  await embedded.post("/upload/storage/v1/b/migrations/o?uploadType=media&name=script.sql", sql);
  const importContext = { uri: "gs://migrations/script.sql", database, fileType: "SQL", importUser: user };
  return done(embedded, await embedded.post(`${ROOT}/instances/${instance}/import`, { importContext }));
}

/** A Cloud SQL volume for a member, which records refusals. */
export class Volume {
  readonly folder = mkdtempSync(join(tmpdir(), "volume-"));
  readonly refusals: string[] = [];
  private mount: SocketMount | undefined;

  async open(embedded: Embedded, connectionName: string, member = "user:owner@local.test"): Promise<void> {
    this.mount = await embedded.cloud.openSocket({
      connectionName,
      member,
      folder: this.folder,
      onRefused: (message) => this.refusals.push(message),
    });
  }

  async connect(user: string, password: string, database: string): Promise<Client> {
    const client = new Client({ host: this.folder, user, password, database });
    client.on("error", () => undefined);
    await client.connect();
    return client;
  }

  /** Runs one statement on a new connection. */
  async query(user: string, password: string, database: string, sql: string): Promise<Record<string, unknown>[]> {
    const client = await this.connect(user, password, database);
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await client.end();
    }
  }

  async close(): Promise<void> {
    await this.mount?.close();
    rmSync(this.folder, { recursive: true });
  }
}
