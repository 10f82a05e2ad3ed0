import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Client, escapeIdentifier } from "pg";
import { type Account, currentAccount, launchAs } from "./account.ts";
import type { Binaries } from "./binaries.ts";
import { endLeftover, initdbPidFile, SOCKET_FOLDER } from "./leftover.ts";
import { scramVerifier } from "./scram.ts";
import { Template } from "./template.ts";

/** A user and the database to connect to. */
export interface Login {
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** The session's default role, which `RESET ROLE` restores; the user by default. */
  readonly role?: string;
}

/** PostgreSQL settings by name, such as `max_connections`. */
export type Settings = Readonly<Record<string, string>>;

/** Keeps a server on a developer's machine small, private and fast. Without `fsync`, only a power failure loses data. */
const OURS: Settings = {
  listen_addresses: "",
  unix_socket_permissions: "0700",
  fsync: "off",
  shared_buffers: "16MB",
  huge_pages: "off",
  lc_messages: "C",
  logging_collector: "off",
  shared_preload_libraries: "pg_stat_statements",
  log_destination: "stderr",
  // As on Cloud SQL, whose messages begin with the time, the process, the line, and who is connected to what.
  log_line_prefix: "%m [%p]: [%l-1] db=%d,user=%u ",
  // The failed statement may contain a secret.
  log_min_error_statement: "panic",
};

/**
 * Text sorts and compares as in `en_US.UTF8`, Cloud SQL's default: by PostgreSQL's own copy of ICU, since a Linux machine may not
 * have that locale. https://cloud.google.com/sql/docs/postgres/create-manage-databases
 */
const LOCALE =
  process.platform === "linux"
    ? ["--locale", "C.UTF-8", "--locale-provider", "icu", "--icu-locale", "en-US"]
    : ["--locale", "en_US.UTF-8"];

/** How long to wait for a start, and for the process after each signal, in milliseconds. */
const START_PATIENCE = 60_000;
const STOP_PATIENCE = 10_000;
const POLL = 5;
const LOG_TAIL = 4000;

/** Processes that must not outlive this one. */
const running = new Map<ChildProcess, { sockets?: string }>();
process.on("exit", () => {
  for (const [child, { sockets }] of running) {
    child.kill("SIGQUIT");
    if (sockets !== undefined) rmSync(sockets, { recursive: true, force: true });
  }
});

/** A PostgreSQL server: a data directory and, while it runs, a process with a private Unix socket. */
export class PostgresServer {
  private child: ChildProcess | undefined;
  private sockets: string | undefined;
  private log = "";
  readonly binaries: Binaries;
  readonly data: string;
  private readonly account: Account;

  private readonly onMessage: ((text: string) => void) | undefined;

  /**
   * @param data The data directory.
   * @param account Who runs PostgreSQL's programs: by default this process, or `nobody` for root.
   * @param onMessage Gets each message that the running server logs, with its prefix. Nothing does by default.
   */
  constructor(
    binaries: Binaries,
    data: string,
    account: Account = currentAccount(),
    onMessage?: (text: string) => void,
  ) {
    this.binaries = binaries;
    this.data = data;
    this.account = account;
    this.onMessage = onMessage;
  }

  get isRunning(): boolean {
    return this.child?.exitCode === null && this.child.signalCode === null;
  }

  /** Path of the Unix socket, which changes with every start. */
  get socket(): string {
    if (this.sockets === undefined) throw new Error("PostgreSQL is not running.");
    return join(this.sockets, ".s.PGSQL.5432");
  }

  /**
   * Creates the data directory, replacing the remains of an interrupted attempt.
   * @param superuser Its only role.
   */
  async initialise(superuser: string, password: string): Promise<void> {
    await endLeftover(this.data);
    const fresh = `${this.data}.new`;
    rmSync(fresh, { recursive: true, force: true });
    const form = ["--username", superuser, "--auth", "scram-sha-256", "--encoding", "UTF8", ...LOCALE];
    const template = new Template(this.binaries, form);
    if (!template.copyTo(fresh)) {
      await this.initdb(fresh, form);
      template.keep(fresh);
    }
    // The server's single-user mode asks for no password.
    await this.runToEnd(
      this.binaries.postgres,
      [fresh],
      ["--single", "-F", "-D", fresh, "template1"],
      `ALTER ROLE ${escapeIdentifier(superuser)} PASSWORD '${scramVerifier(password)}'\n`,
    );
    rmSync(this.data, { recursive: true, force: true });
    renameSync(fresh, this.data);
  }

  /**
   * Starts the process and waits until it accepts connections. Stops the server of an earlier run first.
   * @throws Error with PostgreSQL's log if it does not start.
   */
  async start(settings: Settings): Promise<void> {
    await endLeftover(this.data);
    const end = Date.now() + START_PATIENCE;
    while (!(await this.attempt(settings, end))) {
      // Backends of a killed server keep its shared memory until they notice.
      if (!this.log.includes("pre-existing shared memory block") || Date.now() > end) {
        throw new Error(`PostgreSQL did not start: ${this.log.trim()}`);
      }
      await delay(POLL);
    }
  }

  /** Closes all connections and stops the process. */
  async stop(): Promise<void> {
    const { child } = this;
    if (child && this.isRunning) {
      for (const signal of ["SIGINT", "SIGQUIT", "SIGKILL"] as const) {
        child.kill(signal);
        if (await hasExited(child)) break;
      }
    }
    if (this.sockets !== undefined) rmSync(this.sockets, { recursive: true, force: true });
    this.sockets = undefined;
    this.child = undefined;
  }

  /** Ends the process at once, as the loss of its machine does. */
  async kill(): Promise<void> {
    const { child } = this;
    child?.kill("SIGKILL");
    if (child) await hasExited(child);
    await this.stop();
  }

  /** Opens a connection; the caller closes it. */
  async connect(login: Login): Promise<Client> {
    const { role, ...rest } = login;
    const options = role === undefined ? {} : { options: `-c role=${role.replace(/[\\ ]/g, "\\$&")}` };
    const client = new Client({ host: dirname(this.socket), ...rest, ...options });
    // A closed connection rejects its queries; without a listener, the event would end this process.
    client.on("error", () => undefined);
    await client.connect();
    return client;
  }

  private async attempt(settings: Settings, end: number): Promise<boolean> {
    this.sockets = mkdtempSync(SOCKET_FOLDER);
    const all = { ...settings, ...OURS, unix_socket_directories: this.sockets };
    const child = this.spawn(
      this.binaries.postgres,
      [this.data, this.sockets],
      [...["-D", this.data], ...Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`])],
    );
    this.child = child;
    this.follow(child);
    running.set(child, { sockets: this.sockets });
    child.once("exit", () => running.delete(child));
    while (this.isRunning && Date.now() < end) {
      if (this.isReady(child)) return true;
      await delay(POLL);
    }
    await this.stop();
    return false;
  }

  /** The eighth line of the lock file, which `pg_ctl` also reads. */
  private isReady(child: ChildProcess): boolean {
    try {
      const lines = readFileSync(join(this.data, "postmaster.pid"), "utf8").split("\n");
      return lines[0] === String(child.pid) && lines[7]?.trim() === "ready";
    } catch {
      return false;
    }
  }

  /** Passes on the messages of a server; their further lines begin with a tab. */
  private follow({ stderr }: ChildProcess): void {
    const { onMessage } = this;
    if (!onMessage || !stderr) return;
    let rest = "";
    stderr.on("data", (text: string) => {
      const messages = (rest + text).split(/\n(?!\t|$)/);
      const last = messages.pop() ?? "";
      rest = last.endsWith("\n") ? "" : last;
      if (rest === "") messages.push(last.slice(0, -1));
      for (const message of messages) onMessage(message);
    });
    stderr.once("end", () => {
      if (rest !== "") onMessage(rest);
    });
  }

  /** Creates a data directory, whose superuser gets a password that nobody knows. */
  private async initdb(data: string, form: readonly string[]): Promise<void> {
    mkdirSync(data, { recursive: true, mode: 0o700 });
    const secret = `${data}.password`;
    try {
      writeFileSync(secret, randomUUID(), { mode: 0o600 });
      const args = ["--pgdata", data, "--pwfile", secret, ...form, "--no-sync", "--no-instructions"];
      await this.runToEnd(this.binaries.initdb, [data, secret], args);
    } finally {
      rmSync(secret, { force: true });
    }
  }

  private async runToEnd(
    command: string,
    paths: readonly string[],
    args: readonly string[],
    input = "",
  ): Promise<void> {
    const child = this.spawn(command, paths, args, input);
    if (child.pid !== undefined) writeFileSync(initdbPidFile(this.data), String(child.pid), { mode: 0o600 });
    running.set(child, {});
    const [code] = (await once(child, "close")) as [number | null];
    running.delete(child);
    rmSync(initdbPidFile(this.data), { force: true });
    if (code !== 0) throw new Error(`${command} failed: ${this.log.trim()}`);
  }

  private spawn(command: string, paths: readonly string[], args: readonly string[], input = "") {
    const launch = launchAs(this.account, command, args, paths);
    const { uid, gid } = launch;
    this.log = "";
    const child = spawn(launch.command, launch.args, {
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
      cwd: "/",
      // Keeps Ctrl-C in a terminal from reaching the server; `stop` stops it.
      detached: true,
      stdio: ["pipe", "ignore", "pipe"],
      env: { PATH: process.env.PATH, TZ: "UTC", LC_ALL: "C" },
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.log = (this.log + text).slice(-LOG_TAIL);
    });
    child.on("error", (error) => {
      this.log += error.message;
    });
    child.stdin.on("error", () => undefined); // the exit code says that it did not read everything
    child.stdin.end(input);
    return child;
  }
}

async function hasExited(child: ChildProcess): Promise<boolean> {
  if (child.exitCode !== null || child.signalCode !== null) return true;
  try {
    await once(child, "exit", { signal: AbortSignal.timeout(STOP_PATIENCE) });
    return true;
  } catch {
    return false;
  }
}
