import { type ChildProcess, exec, fork } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { Client } from "pg";
import { sendSettlementCommand } from "../../ops/service/smoke.ts";
import { StackFiles } from "../../ops/engine/file-backend.ts";
import { privateFolder } from "../../ops/engine/private-folder.ts";
import type { Deployment } from "../../ops/engine/state.ts";
import { kill, type Running, running, startedBy } from "../processes.ts";
import { Draw } from "./draw.ts";
import { inCloud, inState } from "./inventory.ts";
import type { Run } from "./processes/program.ts";
import { newFolder } from "../folder.ts";

/** What is killed; `everything` stands for a power failure. */
const VICTIMS = ["program", "engine", "provider", "cloud", "postgres", "everything"] as const;
type Victim = (typeof VICTIMS)[number];

/** The number of requests and engine events of each operation: a kill is drawn within them. */
const LENGTHS: Readonly<
  Record<Run["operation"] | "shared update", { readonly request: number; readonly event: number }>
> = {
  up: { request: 110, event: 300 },
  update: { request: 7, event: 300 },
  "shared update": { request: 25, event: 17 }, // its events are its lines of progress
  migration: { request: 25, event: 300 },
  destroy: { request: 43, event: 115 },
};

/** A kill drawn from a seed. */
export interface Plan {
  readonly operation: Run["operation"];
  readonly shared: boolean;
  readonly victim: Victim;
  /** Kill at the nth request to the embedded cloud or the nth event of the engine. */
  readonly at: "request" | "event";
  readonly nth: number;
  /** Delay after that, in milliseconds. */
  readonly after: number;
}

/** How a trial ended. */
export interface Trial extends Plan {
  readonly seed: number;
  readonly outcome: "converged" | "converged after the named step" | "stopped" | "lost" | "twice";
  /** Why nothing was killed; undefined if something was. */
  readonly missed: "the point was not reached" | "the victim did not run" | undefined;
  /** What was lost or created twice, or the error of the next run. */
  readonly detail: string;
  /** Processes of the killed run that did not end by themselves. */
  readonly orphans: readonly string[];
}

/** The trials of one stack's life: created, updated, migrated and destroyed, each with a kill in the middle. */
export function planOf(seed: number): Plan[] {
  const draw = new Draw(seed);
  return (["up", "update", "migration", "destroy"] as const).map((operation) => {
    const at = draw.of(["request", "event"] as const);
    const shared = draw.number() < 0.3 && operation === "update";
    return {
      operation,
      shared,
      victim: draw.of(VICTIMS),
      at,
      nth: draw.upTo(LENGTHS[shared ? "shared update" : operation][at]),
      after: draw.of([0, 0, 5, 50, 200]),
    };
  });
}

/** Runs a seed's trials, and reports each. */
export async function live(seed: number, report: (trial: Trial) => void): Promise<void> {
  const life = new Life();
  try {
    await life.begin();
    for (const plan of planOf(seed)) report({ seed, ...plan, ...(await life.trial(plan)) });
  } finally {
    await life.end();
  }
}

/** How a command ended. */
interface Ended {
  /** Its error, if it failed. */
  readonly failed?: string;
}

/** Starts a command in a separate process, with this access token. */
export function begin(run: Run, token: string): ChildProcess {
  return fork(join(import.meta.dirname, "processes", "program.ts"), [JSON.stringify(run)], {
    env: { ...process.env, GOOGLE_OAUTH_ACCESS_TOKEN: token },
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
}

/** Waits until a command has ended. */
export function endOf(child: ChildProcess): Promise<Ended> {
  let ended: Ended = { failed: "It was killed." };
  child.on("message", (message: { done?: true; failed?: string }) => {
    if (message.done) ended = {};
    if (message.failed !== undefined) ended = { failed: message.failed };
  });
  return new Promise((resolve) => {
    child.once("exit", () => {
      resolve(ended);
    });
  });
}

/** The pids of the processes that were started; signalling pid 0 would end the tests themselves. */
function pidsOf(...processes: readonly (ChildProcess | undefined)[]): number[] {
  return processes.flatMap((one) => one?.pid ?? []);
}

class Life {
  private readonly folder: string;
  private cloud: ChildProcess | undefined;
  private url = "";
  private token = "";
  private requests = 0;
  private onRequest: (count: number) => void = () => undefined;
  /** The id of a command that was accepted before the later kills. */
  private kept = "";

  constructor() {
    this.folder = newFolder("life");
  }

  async begin(): Promise<void> {
    await this.startCloud();
  }

  async end(): Promise<void> {
    if (this.cloud?.connected) {
      const ended = new Promise((resolve) => this.cloud?.once("exit", resolve));
      this.cloud.kill("SIGTERM");
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  async trial(plan: Plan): Promise<Omit<Trial, keyof Plan | "seed">> {
    const { orphans, missed } = await this.kill(plan);
    if (!this.cloud?.connected) await this.startCloud();
    const { operation, shared } = plan;
    let named = false;
    let ended = await this.start(operation, shared).ended;
    // Follow the instruction in the message.
    const step = /^ {2}(PULUMI_BACKEND_URL=\S+ \S+ cancel .*)$/m.exec(ended.failed ?? "")?.[1];
    if (step !== undefined) {
      named = true;
      await promisify(exec)(step, { cwd: join(this.folder, "pulumi"), env: this.passphrase() });
      ended = await this.start(operation, shared).ended;
    }
    const known = { orphans, missed };
    if (ended.failed !== undefined) return { ...known, outcome: "stopped", detail: ended.failed };
    const { lost, twice } = await this.compare(operation);
    const detail = [...lost, ...twice].join(", ");
    if (lost.length > 0) return { ...known, outcome: "lost", detail };
    if (twice.length > 0) return { ...known, outcome: "twice", detail };
    return { ...known, outcome: named ? "converged after the named step" : "converged", detail: "" };
  }

  /** Starts the operation, and kills the victim at the drawn point. */
  private async kill({ operation, shared, victim, at, nth, after }: Plan) {
    const run = this.start(operation, shared);
    let left: Running[] = [];
    let killed = 0;
    let striking: Promise<void> | undefined;
    const strike = async () => {
      if (after > 0) await delay(after);
      const all = running();
      left = startedBy(run.child.pid ?? 0, all);
      killed = this.pids(victim, run.child, all, left).filter(kill).length;
    };
    const count = (seen: number) => {
      if (seen === nth) striking = strike();
    };
    const from = this.requests;
    if (at === "request") {
      this.onRequest = (seen) => {
        count(seen - from);
      };
    } else run.onEvent = count;
    await run.ended;
    this.onRequest = () => undefined;
    await striking;
    if (["cloud", "everything"].includes(victim) && killed > 0) await gone(this.cloud);
    const why = striking ? ("the victim did not run" as const) : ("the point was not reached" as const);
    return { missed: killed > 0 ? undefined : why, orphans: await endOrphans(left) };
  }

  private pids(victim: Victim, program: ChildProcess, all: readonly Running[], family: readonly Running[]): number[] {
    const called = (text: RegExp) => family.filter(({ args }) => text.test(args)).map(({ pid }) => pid);
    const postgres = () => {
      const servers = this.servers().map((lock) => Number(lock[0]));
      return all.filter(({ args, pid }) => servers.includes(pid) && args.includes(this.folder)).map(({ pid }) => pid);
    };
    switch (victim) {
      case "program":
        return pidsOf(program);
      case "engine":
        return called(/bin\/pulumi |^pulumi /).slice(0, 1);
      case "provider":
        return called(/pulumi-google-stand-in\/main\.ts/);
      case "cloud":
        return pidsOf(this.cloud);
      case "postgres":
        return postgres();
      case "everything":
        return [...pidsOf(program, this.cloud), ...family.map(({ pid }) => pid), ...postgres()];
    }
  }

  private start(operation: Run["operation"], shared: boolean) {
    const child = begin({ folder: this.folder, url: this.url, operation, shared }, this.token);
    const started = {
      child,
      onEvent: undefined as ((seen: number) => void) | undefined,
      ended: Promise.resolve<Ended>({}),
    };
    let events = 0;
    child.on("message", ({ event }: { event?: true }) => {
      if (event) started.onEvent?.(++events);
    });
    started.ended = endOf(child).then((ended) => {
      if (process.env.FAULTS_DEBUG) console.error(operation, "requests", this.requests, "events", events, ended);
      return ended;
    });
    return started;
  }

  private async startCloud(): Promise<void> {
    const port = this.url === "" ? "0" : new URL(this.url).port;
    const child = fork(join(import.meta.dirname, "processes", "cloud.ts"), [join(this.folder, "cloud"), port], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    this.cloud = child;
    await new Promise<void>((resolve, reject) => {
      child.once("exit", (code) => {
        reject(new Error(`The embedded cloud ended with ${code ?? "a signal"}.`));
      });
      child.on("message", (message: { request?: string; url?: string; token?: string }) => {
        if (message.request !== undefined) this.onRequest(++this.requests);
        if (message.url === undefined) return;
        this.url = message.url;
        this.token = message.token ?? "";
        resolve();
      });
    });
  }

  /** Compares state and cloud, and requires that the service still has its rows. */
  private async compare(operation: Run["operation"]): Promise<{ lost: string[]; twice: string[] }> {
    const deployment = this.deployment();
    const cloud = await inCloud({ url: this.url, token: this.token });
    const state = inState(deployment, Object.keys(cloud));
    const count = (type: string) => `${type.split(":").at(-1) ?? type} ${cloud[type] ?? 0} for ${state[type] ?? 0}`;
    const lost = Object.keys(cloud)
      .filter((type) => (cloud[type] ?? 0) < (state[type] ?? 0))
      .map(count);
    const twice = Object.keys(cloud)
      .filter((type) => (cloud[type] ?? 0) > (state[type] ?? 0))
      .map(count);
    if (operation === "destroy") {
      if ((deployment.resources ?? []).length > 0) lost.push("the state is not empty");
      return { lost, twice };
    }
    if (Object.values(state).some((each) => each === 0)) lost.push("the state lacks a type");
    const url = this.serviceUrl(deployment);
    await sendSettlementCommand(url, this.token);
    if (operation === "up") this.kept = await this.keep(url);
    const [row] = await this.rows(`SELECT account_ref FROM settlement_commands WHERE command_id = '${this.kept}'`);
    if (row === undefined) lost.push("a row of settlement_commands");
    const ref = String(row?.account_ref);
    const wanted = operation === "migration" ? "a+" : "a";
    if (ref.length < wanted.length) lost.push("the migration");
    if (ref.length > wanted.length) twice.push(`the migration: ${ref}`);
    return { lost, twice };
  }

  private async keep(url: string): Promise<string> {
    const command_id = "kept";
    const body = { command_id, workflow_id: "w", account_ref: "a", status: "RECEIVED" };
    const headers = { authorization: `Bearer ${this.token}`, "content-type": "application/json" };
    const { status } = await fetch(`${url}/commands`, { method: "POST", headers, body: JSON.stringify(body) });
    if (status !== 200) throw new Error(`The service answered ${status}.`);
    return command_id;
  }

  private deployment(): Deployment {
    const files = new StackFiles(privateFolder(this.folder).state, "local");
    return files.read<Deployment>()?.checkpoint.latest ?? {};
  }

  private serviceUrl({ resources = [] }: Deployment): string {
    const stack = resources.find(({ type }) => type === "pulumi:pulumi:Stack") as { outputs?: { serviceUrl?: string } };
    return String(stack.outputs?.serviceUrl);
  }

  private async rows(sql: string): Promise<Record<string, unknown>[]> {
    const host = this.servers()[0]?.[4] ?? "";
    const password = readFileSync(join(this.folder, "cloud", "postgres", "admin-password"), "utf8");
    const client = new Client({ host, user: "cloudsqladmin", password, database: "settlement_db" });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await client.end();
    }
  }

  /** The lines of each PostgreSQL server's lock file. */
  private servers(): string[][] {
    const instances = join(this.folder, "cloud", "postgres");
    if (!existsSync(instances)) return [];
    const locks = readdirSync(instances, { recursive: true, encoding: "utf8" }).filter((file) =>
      file.endsWith("data/postmaster.pid"),
    );
    return locks.flatMap((lock) => {
      try {
        return [readFileSync(join(instances, lock), "utf8").split("\n")];
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return []; // the server has ended meanwhile
        throw error;
      }
    });
  }

  private passphrase(): NodeJS.ProcessEnv {
    return { ...process.env, PULUMI_CONFIG_PASSPHRASE_FILE: join(this.folder, "passphrase") };
  }
}

/** How long a process may take to notice that its parent has ended, in milliseconds. */
const NOTICE = 10_000;

/** Waits until the killed run's processes have ended by themselves; kills the others, and returns their names. */
async function endOrphans(family: readonly Running[]): Promise<string[]> {
  const end = Date.now() + NOTICE;
  for (;;) {
    const now = running();
    const left = family.filter((one) => now.some(({ pid, args }) => pid === one.pid && args === one.args));
    if (left.length === 0) return [];
    if (Date.now() > end) {
      for (const { pid } of left) kill(pid);
      return left.map(
        ({ args }) =>
          /[\w-]+(?=\.js|\.ts|$)/.exec(
            args.split(" ").find((word) => /run-policy-pack|dynamic-provider|pulumi/.test(word)) ?? args,
          )?.[0] ?? args,
      );
    }
    await delay(100);
  }
}

async function gone(child: ChildProcess | undefined): Promise<void> {
  if (child?.exitCode === null && child.signalCode === null) {
    await new Promise((resolve) => child.once("exit", resolve));
  }
}
