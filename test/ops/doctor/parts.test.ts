import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checksum } from "../../../infra/migrations/files.ts";
import { wrapCommand, command } from "../../../ops/terminal/command.ts";
import { tablesOf } from "../../../ops/doctor/login.ts";
import { type Endpoints, GOOGLE } from "../../../infra/google.ts";
import { CannotInspect, RestReader, NotVisible } from "../../../ops/google/reader.ts";
import { locate } from "../../../ops/engine/target.ts";
import { UsageError } from "../../../ops/terminal/user-error.ts";

describe("a command to paste", () => {
  const words = ["printf", "%s\\n", "plain", "two words", "it's", `a == "b" && c`, "$(id)", "--x=y:z/%s", ""];

  test("means the same to a shell when wrapped", () => {
    const whole = command(...words);
    const wrapped = wrapCommand(whole, 20);
    expect(wrapped.length).toBeGreaterThan(3);
    const run = (script: string) => execFileSync("sh", ["-c", script], { encoding: "utf8" });
    expect(run(whole)).toBe(`${words.slice(2).join("\n")}\n`);
    expect(run(wrapped.join("\n"))).toBe(run(whole));
  });

  test("stays within the width, whatever the length of its words", () => {
    const long = [`it's ${"$HOME \\ ".repeat(9)}`, "x".repeat(90), "'".repeat(30), `"${"y".repeat(45)}"`];
    const whole = command("printf", "%s\\n", ...long, "end");
    const wrapped = wrapCommand(whole, 40, 6);
    for (const line of wrapped) expect(line.length).toBeLessThanOrEqual(40);
    const run = (script: string) => execFileSync("sh", ["-c", script], { encoding: "utf8" });
    expect(run(wrapped.join("\n"))).toBe(`${[...long, "end"].join("\n")}\n`);
  });

  test("is wrapped between words, within the width", () => {
    const lines = wrapCommand(command("gcloud", ..."abcdefgh".split("").map((letter) => letter.repeat(9))), 40);
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(40);
  });
});

describe("the target", () => {
  let root: string;
  beforeEach(() => (root = mkdtempSync(join(tmpdir(), "doctor-"))));
  afterEach(() => {
    rmSync(root, { recursive: true });
  });

  test("has project, region, endpoints and schema version from the stack file; options override it", () => {
    writeFileSync(
      join(root, "Pulumi.staging.yaml"),
      `config:
  gcp:project: fusion-staging
  gcp:region: us-central1
  gcp:sqlCustomEndpoint: https://sql.example.com/v1/
  settlement:schema: { version: "20251025120000" }
  settlement:service: { public: true }
  settlement:deployer: deployer@fusion-staging.iam.gserviceaccount.com
`,
    );
    const { target, endpoints } = locate({ stack: "staging", region: "us-east1", instance: "db" }, root);
    expect(target).toEqual({
      stack: "staging",
      project: "fusion-staging",
      region: "us-east1",
      instance: "db",
      database: "settlement_db",
      user: "settlement_user",
      service: "settlement-service",
      secret: "settlement-db-connection-string",
      passwordSecret: "settlement-db-password",
      bucket: "fusion-staging-migrations",
      schemaVersion: "20251025120000",
      declared: { public: true, deployer: "deployer@fusion-staging.iam.gserviceaccount.com", network: false },
    });
    expect(endpoints).toEqual({ ...GOOGLE, sql: "https://sql.example.com/v1/" });
  });

  test.each([
    ["in the stack's region", "", "us-central1", false],
    ["in the second region after a failover", "promoted: true", "us-east1", false],
    ["in the region to which a failover is underway", "promoted: true, underway: true", "us-east1", true],
  ])("has a load balancer that leads to the primary %s", (_where, replica, region, underway) => {
    writeFileSync(
      join(root, "Pulumi.prod.yaml"),
      `config:
  gcp:project: fusion-prime
  gcp:region: us-central1
  settlement:database: { replica: { region: us-east1, ${replica} } }
  settlement:frontend: { domain: settlement.example.com }
`,
    );
    const { declared } = locate({ stack: "prod" }, root).target;
    expect(declared?.frontend).toEqual({ domain: "settlement.example.com", region, underway });
  });

  test("needs only project and region without a stack", () => {
    expect(locate({ project: "fusion-prime", region: "us-central1" }, root).endpoints).toEqual(GOOGLE);
  });

  test.each([
    ["nothing", {}],
    ["a project without a region", { project: "fusion-prime" }],
    ["a stack that does not exist", { stack: "staging" }],
  ])("is refused for %s", (_name, given) => {
    expect(() => locate(given, root)).toThrow(UsageError);
  });

  test("of the local stack is its last run, with its owner's token", async () => {
    expect(() => locate({ stack: "local" }, root)).toThrow(CannotInspect);
    const start = join(root, ".local", "start");
    for (const folder of ["pulumi", "cloud"]) mkdirSync(join(start, folder), { recursive: true });
    const config =
      "config: { gcp:project: p-local, gcp:region: us-central1, gcp:sqlCustomEndpoint: http://127.0.0.1:1/ }";
    writeFileSync(join(start, "pulumi", "Pulumi.local.yaml"), config);
    writeFileSync(join(start, "cloud", "owner-token"), "the-token");
    const { endpoints, token } = locate({ stack: "local" }, root);
    expect(endpoints.sql).toBe("http://127.0.0.1:1/");
    expect(await token?.()).toBe("the-token");
  });
});

describe("reading", () => {
  let server: Server;
  let endpoints: Endpoints;
  const answers: Record<string, [number, unknown]> = {
    "/sql/there": [200, { name: "there" }],
    "/sql/forbidden": [403, { error: { message: "Permission 'x' denied." } }],
    "/sql/disabled": [403, { error: { message: "Long.", details: [{ reason: "SERVICE_DISABLED" }] } }],
    "/sql/stopped": [400, { error: { message: "Invalid request since instance is not running." } }],
    "/sql/broken": [502, "<html>"],
    "/sql/unknown-caller": [401, {}],
  };

  beforeAll(async () => {
    server = createServer((request, response) => {
      const [status, body] = answers[request.url ?? ""] ?? [404, {}];
      response.writeHead(status).end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    endpoints = { ...GOOGLE, sql: `${url}/sql/` };
  });
  afterAll(() => server.close());

  const reader = () => new RestReader(endpoints, () => Promise.resolve("token"));
  const read = (path: string) => reader().read({ api: "sql", path, role: "roles/viewer on the project" });

  test("asks the same question once", async () => {
    const one = reader();
    const question = { api: "sql", path: "there", role: "" } as const;
    expect(await Promise.all([one.read(question), one.read(question)])).toEqual([{ name: "there" }, { name: "there" }]);
    expect(one.requests).toBe(1);
  });

  test("returns undefined for a missing resource", async () => {
    expect(await read("nothing")).toBeUndefined();
  });

  test.each([
    ["forbidden", "permission denied", "roles/viewer on the project"],
    ["disabled", "its API is not enabled in the project", undefined],
    ["stopped", "Invalid request since instance is not running.", undefined],
    ["broken", /^http:\/\/127.0.0.1:\d+ answered 502$/, undefined],
  ])("says why a %s resource is not visible", async (path, why, role) => {
    const error = await read(path).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(NotVisible);
    expect(error).toMatchObject({ message: expect.stringMatching(why) as string, role });
  });

  test("fails if the credentials are refused", async () => {
    await expect(read("unknown-caller")).rejects.toThrow(CannotInspect);
  });

  test("says which address cannot be reached", async () => {
    const nowhere = new RestReader({ ...endpoints, sql: "http://127.0.0.1:1/" }, () => Promise.resolve("token"));
    await expect(nowhere.read({ api: "sql", path: "x", role: "" })).rejects.toThrow(
      "http://127.0.0.1:1 cannot be reached",
    );
  });
});

test("lists the tables that the migrations create and do not drop", () => {
  const migration = (version: string, up: string) => {
    const text = `-- migrate:up\n${up}\n-- migrate:down\nSELECT 1;\n`;
    return { version, file: `${version}_x.sql`, text, checksum: checksum(text) };
  };
  const migrations = [
    migration("20260101000000", 'CREATE TABLE a (id int);\ncreate table if not exists public."b" (id int);'),
    migration("20260102000000", "DROP TABLE IF EXISTS a;\nCREATE TABLE c (id int);"),
  ];
  expect(tablesOf(migrations)).toEqual(["b", "c"]);
});
