import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { ROOT } from "../ops/engine/stack-file.ts";
import { RUNS, runChild, script } from "./child.ts";
import { absolute, type Figure, ratio } from "./figure.ts";

const PROJECT = "fusion-prime";
/** What is read: from the embedded cloud's own records, as a bare server could, and from PostgreSQL, as none could. */
const READS = {
  get: `/v1/projects/${PROJECT}/secrets/secret-7`,
  list: `/v1/projects/${PROJECT}/secrets`,
};
const ON_POSTGRESQL = `/sql/v1beta4/projects/${PROJECT}/instances/database/databases`;

const CONNECTIONS = "10";
const SECONDS = "1";

interface Load {
  readonly requests: { readonly average: number };
  readonly latency: { readonly p99: number };
  readonly non2xx: number;
  readonly errors: number;
}

/** Reads of the embedded cloud under load, against a server of the same framework that knows the answers. */
export async function reads(say: (line: string) => void): Promise<Figure[]> {
  const cloud = await serve("cloud.ts");
  const headers = { authorization: `Bearer ${cloud.token}` };
  const answers: Record<string, unknown> = {};
  for (const path of Object.values(READS)) answers[path] = await (await fetch(cloud.url + path, { headers })).json();
  const bare = await serve("bare.ts", JSON.stringify(answers));
  try {
    const figures: Figure[] = [];
    for (const [read, path] of Object.entries(READS)) {
      const embedded: Load[] = [];
      const memory: Load[] = [];
      for (let turn = 0; turn <= RUNS; turn++) {
        for (const [server, loads] of [
          [cloud, embedded],
          [bare, memory],
        ] as const) {
          const measured = await load(server.url + path, cloud.token);
          if (turn > 0) loads.push(measured);
          say(`  ${turn} of ${RUNS}  ${read}  ${measured.requests.average} per s`);
        }
      }
      const rate = (name: string, loads: Load[]) => ({
        name,
        unit: "per s",
        values: loads.map((one) => one.requests.average),
      });
      const p99 = (name: string, loads: Load[]) => ({ name, unit: "ms", values: loads.map((one) => one.latency.p99) });
      figures.push(
        ratio(`embedded cloud, ${read}, per second`, rate("embedded", embedded), rate("bare", memory), { least: 0.6 }),
        absolute(`embedded cloud, ${read}, 99th percentile`, p99("embedded", embedded)),
        absolute(`bare server, ${read}, 99th percentile`, p99("bare", memory)),
      );
    }
    const slow: Load[] = [];
    for (let turn = 0; turn < RUNS; turn++) slow.push(await load(cloud.url + ON_POSTGRESQL, cloud.token));
    const perSecond = { name: "embedded", unit: "per s", values: slow.map(({ requests }) => requests.average) };
    return [...figures, absolute("embedded cloud, list of databases, on PostgreSQL, per second", perSecond)];
  } finally {
    await Promise.all([cloud.stop(), bare.stop()]);
  }
}

/** The load comes from a process of its own, for both servers. */
async function load(url: string, token: string): Promise<Load> {
  const options = ["-c", CONNECTIONS, "-d", SECONDS, "-j", "-H", `authorization=Bearer ${token}`];
  const { output } = await runChild({
    args: [createRequire(import.meta.filename).resolve("autocannon"), ...options, url],
  });
  const measured = JSON.parse(output) as Load;
  if (measured.non2xx + measured.errors > 0) throw new Error(`${url} did not answer every request with 200.`);
  return measured;
}

async function serve(
  file: string,
  ...args: string[]
): Promise<{ url: string; token: string; stop(): Promise<unknown> }> {
  const command = script(join(import.meta.dirname, "subjects", file), ...args);
  const child = spawn(process.execPath, command.args, { cwd: ROOT, stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const line = once(createInterface({ input: child.stdout }), "line") as Promise<[string]>;
  const [said] = await Promise.race([
    line,
    ended.then((): never => {
      throw new Error(`${file} ended before it served.`);
    }),
  ]);
  const stop = () => {
    child.stdin.end();
    return ended;
  };
  return { token: "", ...(JSON.parse(said) as { url: string }), stop };
}
