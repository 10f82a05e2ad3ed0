import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, type } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { parseConnectionString } from "../../infra/connection.ts";
import { Google } from "../../infra/google.ts";
import { CONNECTION_STRING_SECRET, OWNER_ROLE, POOL_SIZE, SERVICE } from "../../infra/names.ts";
import type { Facts } from "../doctor/facts.ts";
import { commitOf } from "../engine/commit.ts";
import { endpointConfig, endpointsOf } from "../engine/endpoints.ts";
import { type LocalEnvironment, openSocket, startLocal } from "../engine/local.ts";
import { ROOT } from "../engine/stack-file.ts";
import { requireConfig } from "../engine/stack-values.ts";
import { outputsOf, readState } from "../engine/state.ts";
import { UserError } from "../terminal/user-error.ts";
import { withBlocks } from "./document.ts";
import { SUPERUSERS } from "./limits.ts";
import { measure, type Durations, type Target } from "./measure.ts";
import { plot } from "./plot.ts";
import { DOCUMENT, PLOT, RESULTS } from "./published.ts";
import { COMMAND } from "./requests.ts";
import type { Results, Run } from "./results.ts";

/** A configuration in which another resource gives out. */
interface Setup {
  readonly name: string;
  readonly instances: number;
  readonly concurrency: number;
  readonly pool: number;
  /** Whether each command that is stored takes {@link SLOW} longer, as with a database far away. */
  readonly slow?: true;
  /** The database's flag `max_connections`; by default what its machine type has. */
  readonly connections?: number;
}

/** Longer than those of the command, for results that stay. */
const DURATIONS: Durations = { warm: 3, rest: 2, single: 4, step: 4 };

/** `max_connections` of `settlement:database.tier` of the local stack. */
const CONNECTIONS = 100;

/** In seconds. Waiting takes no CPU, so that other resources can give out first on a small machine. */
const SLOW = 0.05;

const SETUPS: readonly Setup[] = [
  { name: "as declared", instances: 4, concurrency: 80, pool: 10 },
  { name: "one instance, one request", instances: 1, concurrency: 1, pool: 10 },
  { name: "slow database, 4 connections in the pool", instances: 1, concurrency: 80, pool: 4, slow: true },
  { name: "slow database, 2 instances × 5 requests", instances: 2, concurrency: 5, pool: 10, slow: true },
  { name: "slow database, max_connections 25", instances: 1, concurrency: 80, pool: 40, slow: true, connections: 25 },
];

/**
 * Measures every configuration on a stack of its own, which is deleted afterwards, and writes the results, the plot and the
 * tables of the document.
 * @param say Prints a line of progress.
 */
export async function publish(say: (line: string) => void): Promise<void> {
  const results = await measureAll(say);
  mkdirSync(join(RESULTS, ".."), { recursive: true });
  writeFileSync(RESULTS, `${JSON.stringify(results, undefined, 2)}\n`);
  writeFileSync(PLOT, plot(results));
  writeFileSync(DOCUMENT, withBlocks(readFileSync(DOCUMENT, "utf8"), results));
  say(`Written: ${[RESULTS, PLOT, DOCUMENT].map((path) => path.slice(ROOT.length + 1)).join(", ")}`);
}

async function measureAll(say: (line: string) => void): Promise<Results> {
  if (!existsSync("/proc/self/stat")) {
    throw new UserError("--publish needs Linux, because it reads from /proc what each part of the system spends.");
  }
  const commit = commitOf().slice(0, 7);
  const folder = join(ROOT, ".local", "load");
  rmSync(folder, { recursive: true, force: true });
  const local = await startLocal(folder, say);
  try {
    say("Deploying a stack of its own ...");
    await local.stack.up();
    const runs: Run[] = [];
    const stack = await openDeployed(local, folder, say);
    let bytesPerRow = 0;
    for (const setup of SETUPS) {
      say(`\n${setup.name}`);
      await stack.change(setup);
      const { connections = CONNECTIONS, concurrency, instances, name, pool, slow } = setup;
      const target: Target = {
        ...stack,
        request: COMMAND,
        limits: { instances, concurrency, pool, connections: connections - SUPERUSERS, cpus: cpus().length },
        isLocal: true,
        ...(slow && { cpu: runs[0]?.costs.cpu }),
      };
      runs.push({ name, ...(await measure(target, say, DURATIONS)) });
      // Later there may be no connection left.
      if (bytesPerRow === 0) bytesPerRow = await stack.bytesPerRow();
    }
    const [cpu] = cpus();
    return {
      machine: `${cpu?.model ?? "?"}, ${cpus().length} cores, ${type()}`,
      versions: { node: process.versions.node, postgres: stack.postgres },
      commit,
      time: new Date().toISOString(),
      bytesPerRow,
      runs,
    };
  } finally {
    await local.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The deployed stack: how to call it, to change it, and to look into its database. */
async function openDeployed(local: LocalEnvironment, folder: string, say: (line: string) => void) {
  const { project, region } = requireConfig("local");
  const token = local.cloud.identities.ownerToken;
  const google = new Google(endpointsOf(endpointConfig(local.cloud.url)), { token: () => Promise.resolve(token) });
  const outputs = outputsOf(await readState(local.stack));
  const [url, connectionName] = [String(outputs.serviceUrl), String(outputs.connectionName)];
  const instance = connectionName.replace(/^.*:/, "");
  const socket = await openSocket(local.cloud, folder, connectionName, say);
  if (socket === undefined) throw new UserError("Nothing can be measured without a socket to the database.");
  const login = await loginOf(google, project, socket);
  const sql = async <Row extends object>(text: string): Promise<Row[]> => {
    const client = new Client(login);
    await client.connect();
    try {
      return (await client.query<Row>(text)).rows;
    } finally {
      await client.end();
    }
  };
  const [version] = await sql<{ server_version: string }>("SHOW server_version");
  return {
    url,
    token,
    postgres: version?.server_version ?? "?",
    connections: async () => {
      const [row] = await sql<{ count: string }>(
        "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'",
      );
      return row && Number(row.count) - 1;
    },
    bytesPerRow: async () => {
      const size =
        "SELECT pg_total_relation_size('settlement_commands')::float / count(*) AS bytes FROM settlement_commands";
      return Math.round((await sql<{ bytes: number }>(size))[0]?.bytes ?? 0);
    },
    change: async ({ concurrency, connections, instances, pool, slow }: Setup) => {
      const check = slow
        ? `ADD CONSTRAINT slow CHECK (pg_sleep(${SLOW})::text IS NOT NULL) NOT VALID`
        : "DROP CONSTRAINT IF EXISTS slow";
      const once = slow ? "ALTER TABLE settlement_commands DROP CONSTRAINT IF EXISTS slow;" : "";
      await sql(`SET ROLE ${OWNER_ROLE}; ${once} ALTER TABLE settlement_commands ${check}`);
      if (connections !== undefined) {
        await limitConnections(google, `projects/${project}/instances/${instance}`, connections);
      }
      await changeService(google, `projects/${project}/locations/${region}/services/${SERVICE}`, {
        concurrency,
        instances,
        pool,
      });
    },
  };
}

/** @param host Folder of the socket. */
async function loginOf(google: Google, project: string, host: string) {
  const path = `projects/${project}/secrets/${CONNECTION_STRING_SECRET}/versions/latest:access`;
  type Answer = gapi.client.secretmanager.AccessSecretVersionResponse;
  const { payload } = await google.call<Answer>({ api: "secretManager", path });
  const parsed = parseConnectionString(Buffer.from(payload?.data ?? "", "base64").toString("utf8"));
  if (!parsed.ok) throw new Error(parsed.problem);
  const { database, password, user } = parsed.value;
  return { host, user, password, database };
}

async function limitConnections(google: Google, path: string, most: number): Promise<void> {
  const { settings } = await google.call<Awaited<ReturnType<Facts["existingInstance"]>>>({ api: "sql", path });
  const others = (settings.databaseFlags ?? []).filter(({ name }) => name !== "max_connections");
  const databaseFlags = [...others, { name: "max_connections", value: String(most) }];
  await google.operate({ api: "sql", method: "PATCH", path, body: { settings: { databaseFlags } } });
}

async function changeService(
  google: Google,
  path: string,
  { concurrency, instances, pool }: Readonly<Record<"concurrency" | "instances" | "pool", number>>,
): Promise<void> {
  const api = "cloudRunV2";
  const { template } = await google.call<Awaited<ReturnType<Facts["existingService"]>>>({ api, path });
  const containers = (template.containers ?? []).map((container) => ({
    ...container,
    env: [...(container.env ?? []).filter(({ name }) => name !== POOL_SIZE), { name: POOL_SIZE, value: String(pool) }],
  }));
  await google.operate({
    api,
    method: "PATCH",
    path: `${path}?updateMask=template,scaling`,
    body: {
      template: { ...template, containers, maxInstanceRequestConcurrency: concurrency },
      scaling: { maxInstanceCount: instances },
    },
  });
}
