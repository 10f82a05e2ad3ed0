import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { ROOT } from "../ops/engine/stack-file.ts";
import { inTurns, type Run, runChild, subject } from "./child.ts";
import { absolute, type Figure, ratio } from "./figure.ts";

const PROJECT = "fusion-prime";
/** Reads of the embedded cloud's own records, which a bare server can answer too. */
const READS = {
  get: `/v1/projects/${PROJECT}/secrets/secret-7`,
  list: `/v1/projects/${PROJECT}/secrets`,
};
const ON_POSTGRESQL = `/sql/v1beta4/projects/${PROJECT}/instances/database/databases`;

const CONNECTIONS = "10";
const SECONDS = "1";

interface Load extends Run {
  readonly requests: { readonly average: number };
  readonly latency: { readonly p99: number };
}

const rate = (name: string, loads: readonly Load[]) => ({
  name,
  unit: "per s",
  values: loads.map(({ requests }) => requests.average),
});
const p99 = (name: string, loads: readonly Load[]) => ({
  name,
  unit: "ms",
  values: loads.map(({ latency }) => latency.p99),
});

/** Reads of the embedded cloud under load, compared with a server of the same framework that has the answers in memory. */
export async function reads(say: (line: string) => void): Promise<Figure[]> {
  const cloud = await serve("cloud.ts");
  const headers = { authorization: `Bearer ${cloud.token}` };
  const answers: Record<string, unknown> = {};
  for (const path of Object.values(READS)) answers[path] = await (await fetch(cloud.url + path, { headers })).json();
  const bare = await serve("bare.ts", JSON.stringify(answers));
  try {
    const figures: Figure[] = [];
    for (const [read, path] of Object.entries(READS)) {
      const side =
        ({ url }: { url: string }) =>
        () =>
          load(url + path, cloud.token);
      const { embedded, bare: memory } = await inTurns({ embedded: side(cloud), bare: side(bare) }, say);
      figures.push(
        ratio(`embedded cloud, ${read}, per second`, rate("embedded", embedded), rate("bare", memory), { least: 0.6 }),
        absolute(`embedded cloud, ${read}, 99th percentile`, p99("embedded", embedded)),
        absolute(`bare server, ${read}, 99th percentile`, p99("bare", memory)),
      );
    }
    const slow = () => load(cloud.url + ON_POSTGRESQL, cloud.token);
    const { embedded } = await inTurns({ embedded: slow }, say, { warmUp: false });
    const name = "embedded cloud, list of databases, on PostgreSQL, per second";
    return [...figures, absolute(name, rate("embedded", embedded))];
  } finally {
    await Promise.all([cloud.stop(), bare.stop()]);
  }
}

/** Loads a server from a separate process. */
async function load(url: string, token: string): Promise<Load> {
  const options = ["-c", CONNECTIONS, "-d", SECONDS, "-j", "-H", `authorization=Bearer ${token}`];
  const autocannon = createRequire(import.meta.filename).resolve("autocannon");
  const run = await runChild({ args: [autocannon, ...options, url] });
  const measured = JSON.parse(run.output) as Omit<Load, keyof Run> & { non2xx: number; errors: number };
  if (measured.non2xx + measured.errors > 0) throw new Error(`${url} did not answer every request with 200.`);
  return { ...run, ...measured };
}

async function serve(
  file: string,
  ...args: string[]
): Promise<{ url: string; token: string; stop(): Promise<unknown> }> {
  const child = spawn(process.execPath, subject(file, ...args).args, { cwd: ROOT, stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const line = once(createInterface({ input: child.stdout }), "line") as Promise<[string]>;
  const [printed] = await Promise.race([
    line,
    ended.then((): never => {
      throw new Error(`${file} exited before it was ready.`);
    }),
  ]);
  const stop = () => {
    child.stdin.end();
    return ended;
  };
  return { token: "", ...(JSON.parse(printed) as { url: string }), stop };
}
