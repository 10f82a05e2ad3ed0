import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { parseConnectionString } from "../../infra/connection.ts";
import type { EmbeddedCloud } from "../../packages/embedded-google-cloud/index.ts";
import { OWNER } from "../../packages/embedded-google-cloud/iam/identities.ts";

/** Sends settlement commands at a steady rate, without waiting for responses. */
export class SteadyClient {
  private readonly answers: Promise<number>[] = [];
  private readonly timer: NodeJS.Timeout;

  /**
   * @param url The service's.
   * @param token Of a user who may call it.
   * @param interval Milliseconds between commands.
   */
  constructor(url: string, token: string, interval = 100) {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const send = async (number: number) => {
      const command = { command_id: `client-${number}`, workflow_id: "client", account_ref: "client" };
      return (await fetch(`${url}/commands`, { method: "POST", headers, body: JSON.stringify(command) })).status;
    };
    this.timer = setInterval(() => this.answers.push(send(this.answers.length).catch(() => 0)), interval);
  }

  /** Number of commands sent. */
  get sent(): number {
    return this.answers.length;
  }

  /** @returns The status of every response, 0 if there was none. */
  async stop(): Promise<number[]> {
    clearInterval(this.timer);
    return Promise.all(this.answers);
  }
}

/** Counts the commands in the database by sender. */
export async function rowsBySender(cloud: EmbeddedCloud, connectionName: string, secret: string): Promise<unknown[]> {
  const parsed = parseConnectionString(secret);
  if (!parsed.ok) throw new Error(parsed.problem);
  const { database, password, user } = parsed.value;
  const host = mkdtempSync(join(tmpdir(), "r-"));
  const onRefused = (reason: string) => {
    throw new Error(reason);
  };
  const socket = await cloud.openSocket({ connectionName, member: OWNER, folder: host, onRefused });
  const connection = new Client({ host, database, user, password });
  try {
    await connection.connect();
    const counted = "select workflow_id, count(*) from settlement_commands group by 1";
    return (await connection.query<object>(counted)).rows;
  } finally {
    await connection.end();
    await socket.close();
    rmSync(host, { recursive: true });
  }
}
