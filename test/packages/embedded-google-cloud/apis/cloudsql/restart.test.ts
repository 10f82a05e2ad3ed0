import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { Embedded, PROJECT } from "../../embedded.ts";
import {
  createInstance,
  done,
  failure,
  instanceBody,
  type Operation,
  ROOT,
  SERVICE,
  STORAGE,
  Volume,
} from "./setup.ts";

const PROGRAM = `
const { startCloud } = require("./packages/embedded-google-cloud/index.ts");
startCloud({ folder: process.argv[1], projects: ["${PROJECT}"] }).then((cloud) => {
  console.log(cloud.url);
  process.on("message", () => process.exit(0));
});`;

/** The embedded cloud in a separate process, which can be killed. */
class Other {
  private static readonly running = new Set<ChildProcess>();

  private readonly child: ChildProcess;
  private readonly url: string;
  private readonly token: string;

  private constructor(child: ChildProcess, url: string, token: string) {
    this.child = child;
    this.url = url;
    this.token = token;
  }

  static async start(folder: string): Promise<Other> {
    const child = spawn(process.execPath, ["-e", PROGRAM, folder], {
      cwd: resolve(import.meta.dirname, "../../../../.."),
      stdio: ["ignore", "pipe", "inherit", "ipc"],
    });
    Other.running.add(child);
    child.once("exit", () => Other.running.delete(child));
    if (!child.stdout) throw new Error("no output");
    const [url] = (await once(createInterface(child.stdout), "line")) as [string];
    return new Other(child, url, readFileSync(join(folder, "owner-token"), "utf8"));
  }

  /** Ends the processes that a failed test left. */
  static endAll(): void {
    for (const child of Other.running) child.kill();
  }

  async ask(method: string, path: string, body?: unknown): Promise<Operation> {
    const response = await fetch(this.url + path, {
      method,
      headers: { authorization: `Bearer ${this.token}`, "content-type": "application/json" },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    return (await response.json()) as Operation;
  }

  /** Waits until an operation has begun. */
  async begun({ name }: Operation): Promise<void> {
    while ((await this.ask("GET", `${ROOT}/operations/${name}`)).status === "PENDING");
  }

  /** Kills the process, or has it exit. */
  async end(how: "SIGKILL" | "exit"): Promise<void> {
    const exit = once(this.child, "exit");
    if (how === "exit") this.child.send("exit");
    else this.child.kill(how);
    await exit;
  }
}

function serverOf(folder: string): number {
  const lock = join(folder, "postgres", `${PROJECT}~db-one`, "data", "postmaster.pid");
  return Number(readFileSync(lock, "utf8").split("\n")[0]);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const embedded = new Embedded();
afterEach(async () => {
  Other.endAll();
  await embedded.stop();
});
afterAll(() => embedded.remove());

test("keeps everything across an ordinary restart", async () => {
  await embedded.start(SERVICE, STORAGE);
  await createInstance(embedded, "db-one");
  await embedded.post(`${ROOT}/instances/db-one/users`, { name: "postgres", password: "pw" });
  await query("CREATE TABLE t (a int)");
  const server = serverOf(embedded.folder);
  await embedded.stop();
  expect(isAlive(server)).toBe(false);
  await embedded.start();
  await query("INSERT INTO t VALUES (1)");
});

test("killed during an import: keeps what was committed, and fails the operation", async () => {
  const other = await Other.start(embedded.folder);
  await other.ask("POST", `/storage/v1/b?project=${PROJECT}`, { name: "scripts" });
  const { serviceAccountEmailAddress: email } = (await other.ask("GET", `${ROOT}/instances/db-one`)) as unknown as {
    serviceAccountEmailAddress: string;
  };
  const policy = (await other.ask("GET", "/storage/v1/b/scripts/iam")) as unknown as { bindings: object[] };
  const reader = { role: "roles/storage.objectViewer", members: [`serviceAccount:${email}`] };
  await other.ask("PUT", "/storage/v1/b/scripts/iam", { bindings: [...policy.bindings, reader] });
  const script = "INSERT INTO t VALUES (2); BEGIN; INSERT INTO t VALUES (3); SELECT pg_sleep(600);";
  await other.ask(
    "POST",
    "/upload/storage/v1/b/scripts/o?uploadType=media&name=a.sql",
    JSON.stringify(script).slice(1, -1),
  );
  const importContext = { uri: "gs://scripts/a.sql", database: "postgres", fileType: "SQL", importUser: "postgres" };
  await other.ask("GET", `${ROOT}/instances/db-one/users`); // starts the server
  const operation = await other.ask("POST", `${ROOT}/instances/db-one/import`, { importContext });
  await other.begun(operation);
  await other.end("SIGKILL");
  const server = serverOf(embedded.folder);
  expect(isAlive(server)).toBe(true);

  await embedded.start();
  expect(isAlive(server)).toBe(false);
  const cut = (await embedded.get(`${ROOT}/operations/${operation.name}`)).body as unknown as Operation;
  expect([cut.status, failure(cut)]).toEqual(["DONE", expect.stringContaining("was stopped while this operation ran")]);
  const rows = await query("SELECT a FROM t WHERE a <> 2");
  expect(rows).toEqual([{ a: 1 }]);
});

test("killed while an instance is created: removes it and frees its name", async () => {
  const other = await Other.start(embedded.folder);
  await other.begun(await other.ask("POST", `${ROOT}/instances`, instanceBody("db-two")));
  await other.end("SIGKILL");
  await embedded.start();
  expect((await embedded.get(`${ROOT}/instances/db-two`)).status).toBe(404);
  await createInstance(embedded, "db-two");
});

test("killed while an instance is deleted: completes the deletion", async () => {
  const other = await Other.start(embedded.folder);
  await other.ask("DELETE", `${ROOT}/instances/db-two`);
  await other.end("SIGKILL");
  await embedded.start();
  expect((await embedded.get(`${ROOT}/instances/db-two`)).status).toBe(404);
});

test("killed during a backup: fails the run, and the next one succeeds", async () => {
  const other = await Other.start(embedded.folder);
  await other.ask("POST", `${ROOT}/instances/db-one/backupRuns`, {});
  await other.end("SIGKILL");
  await embedded.start();
  const runs = `${ROOT}/instances/db-one/backupRuns`;
  const [cut] = (await embedded.get(runs)).body.items as { status: string }[];
  expect(["FAILED", "SUCCESSFUL"]).toContain(cut?.status);
  expect(failure(await done(embedded, await embedded.post(runs)))).toBeUndefined();
});

test("leaves no server behind when the process exits", async () => {
  const other = await Other.start(embedded.folder);
  await other.ask("GET", `${ROOT}/instances/db-one/users`);
  const server = serverOf(embedded.folder);
  await other.end("exit");
  while (isAlive(server)) await new Promise((next) => setTimeout(next, 5));
});

async function query(sql: string): Promise<Record<string, unknown>[]> {
  const volume = new Volume();
  await volume.open(embedded, `${PROJECT}:us-central1:db-one`);
  try {
    return await volume.query("postgres", "pw", "postgres", sql);
  } finally {
    await volume.close();
  }
}
