import { join } from "node:path";
import { Client, escapeIdentifier } from "pg";
import { parseConnectionString } from "../../infra/connection.ts";
import { readMigrations, readRepeatables } from "../../infra/migrations/files.ts";
import { CONNECTION_STRING_SECRET } from "../../infra/names.ts";
import type { Schema } from "../../packages/console/data.ts";
import { ROOT } from "../engine/stack-file.ts";
import { statusOf } from "../migration/status.ts";
import { type Cloud } from "./cloud.ts";
import { type Observed, valueOf } from "./observed.ts";

/** For the connection and for each statement, in milliseconds. */
const TIMEOUT = 5_000;

/**
 * The versions as the engine's state has them, the backups, and the tables as the service sees them.
 * @param socket Folder of the instance's socket; undefined if it could not be opened.
 */
export async function schemaOf(cloud: Cloud, seen: Observed, socket: string | undefined): Promise<Schema> {
  const folder = join(ROOT, "migrations");
  const [files, repeatables] = [readMigrations(folder), readRepeatables(folder)];
  const texts = new Map([...files, ...repeatables].map(({ file, text }) => [file, text]));
  const versions = statusOf(seen.schema, files, repeatables);
  const backups = seen.backups.map(({ description = "", enqueuedTime = "", id = "", status = "" }) => ({
    ...{ id, at: enqueuedTime, status: status.toLowerCase(), description },
  }));
  return {
    versions: versions.map((version) => ({ ...version, sql: texts.get(version.file) ?? "" })),
    backups,
    ...(await tables(cloud, seen, socket)),
  };
}

async function tables(
  cloud: Cloud,
  { secrets }: Observed,
  socket: string | undefined,
): Promise<Pick<Schema, "tables" | "problem">> {
  const nothing = (problem: string) => ({ tables: [], problem });
  const newest = secrets
    .find(({ id }) => id === CONNECTION_STRING_SECRET)
    ?.versions.find(({ state }) => state === "ENABLED")?.number;
  if (newest === undefined) return nothing("The tables cannot be read: there is no connection string.");
  if (socket === undefined) return nothing("The tables cannot be read: the instance has no socket on this machine.");
  const parsed = parseConnectionString(await valueOf(cloud, `${cloud.secrets}/${CONNECTION_STRING_SECRET}`, newest));
  if (!parsed.ok) return nothing(`The tables cannot be read: ${parsed.problem}.`);
  const { database, password, user } = parsed.value;
  const client = new Client({
    ...{ host: socket, database, user, password, application_name: "console" },
    ...{ connectionTimeoutMillis: TIMEOUT, statement_timeout: TIMEOUT },
  });
  client.on("error", () => undefined); // the running query reports it
  try {
    await client.connect();
    const { rows } = await client.query<{ name: string }>(
      "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1",
    );
    const counted = [];
    for (const { name } of rows) {
      const count = await client.query<{ rows: number }>(`SELECT count(*)::int AS rows FROM ${escapeIdentifier(name)}`);
      counted.push({ name, rows: count.rows[0]?.rows ?? 0 });
    }
    return { tables: counted };
  } catch (error) {
    return nothing(`The tables cannot be read: ${(error as Error).message}.`);
  } finally {
    await client.end().catch(() => undefined);
  }
}
