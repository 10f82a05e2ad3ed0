import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseConnectionString } from "../../infra/connection";
import { readMigrations } from "../../infra/migrations/files";
import { CHECKS } from "../../ops/doctor/checks";
import { diagnose } from "../../ops/doctor/diagnosis";
import { Facts } from "../../ops/doctor/facts";
import { RestReader } from "../../ops/doctor/reader";
import { endpointsOf, locate } from "../../ops/doctor/target";
import { endpointConfig } from "../../ops/endpoints";
import { type LocalEnvironment, startLocal } from "../../ops/local";
import { sendSettlementCommand } from "../../ops/smoke";
import { ROOT } from "../../ops/workspace";
import { filesBelow, holders, type Place, processes } from "./leaks";

jest.setTimeout(300_000);

describe("the local stack, through the real engine", () => {
  let folder: string;
  let local: LocalEnvironment;
  /** Everything that was printed. */
  let printed = "";
  /** Arguments and environments of processes while the engine works. */
  const seen: Place[] = [];

  const say = (text: string) => {
    printed += text;
  };
  const output = async (name: string) => String((await local.stack.outputs())[name]?.value);
  const get = async <T>(path: string): Promise<T> => {
    const headers = { authorization: `Bearer ${local.cloud.identities.ownerToken}` };
    const response = await fetch(`${local.cloud.url}${path}`, { headers });
    expect([path, response.status]).toEqual([path, 200]);
    return (await response.json()) as T;
  };
  const secret = async (id: string) => {
    const version = await get<{ payload: { data: string } }>(
      `/v1/projects/settlement-local/secrets/${id}/versions/latest:access`,
    );
    return Buffer.from(version.payload.data, "base64").toString();
  };

  beforeAll(async () => {
    mkdirSync(join(ROOT, ".local"), { recursive: true });
    folder = mkdtempSync(join(ROOT, ".local", "e2e-"));
    local = await startLocal(folder, say);
  });

  afterAll(async () => {
    await local.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("up: the request that once answered 500 is accepted", async () => {
    const { summary } = await local.stack.up({ onOutput: say, onError: say });
    expect(summary.resourceChanges).toEqual({ create: expect.any(Number) as number });
    expect(await sendSettlementCommand(await output("serviceUrl"), local.cloud.identities.ownerToken)).toBe(200);
    expect(await output("schemaVersion")).toBe("20251025120100");
  });

  test("one password is in both secrets, and the string points at the instance by region", async () => {
    const parsed = parseConnectionString(await secret("settlement-db-connection-string"));
    if (!parsed.ok) throw new Error(parsed.problem);
    const { user, password, database, instance } = parsed.value;
    expect(password).toMatch(/^[A-Za-z0-9]{25}$/);
    expect(await secret("settlement-db-password")).toBe(password);
    expect([user, database]).toEqual(["settlement_user", "settlement_db"]);
    expect(`${instance.project}:${instance.region}:${instance.instance}`).toBe(await output("connectionName"));
    expect(instance.instance).toMatch(/^settlement-local-db-[0-9a-f]{8}$/);
  });

  test("a second up changes nothing", async () => {
    const { summary } = await local.stack.up({
      onOutput: (text) => {
        say(text);
        seen.push(...processes());
      },
      onError: say,
    });
    expect(Object.keys(summary.resourceChanges ?? {})).toEqual(["same"]);
  });

  test("a refresh finds no drift", async () => {
    const { summary } = await local.stack.refresh({ onOutput: say, onError: say });
    expect(Object.keys(summary.resourceChanges ?? {})).toEqual(["same"]);
  });

  test("nothing the engine prints is a warning", () => {
    expect(printed).toContain("settlement-service created");
    expect(printed).not.toMatch(/warning/i);
  });

  test("the password is nowhere but in Secret Manager, and the token nowhere but in its file", async () => {
    const password = await secret("settlement-db-password");
    const string = await secret("settlement-db-connection-string");
    const places: Place[] = [
      ["output", printed],
      ["doctor", JSON.stringify(await doctor())],
      ...seen,
      ...processes(),
      ...filesBelow(folder),
    ];
    for (const engine of ["pulumi up", "run-policy-pack|dynamic-provider", "postgres"]) {
      expect(
        places.filter(
          ([name, text]) => name.startsWith("arguments") && new RegExp(engine).test(text.replaceAll("\n", " ")),
        ),
      ).not.toEqual([]);
    }
    const found = holders(places, [password, string]);
    expect(found).not.toHaveLength(0);
    expect(found.filter((place) => !place.startsWith("/cloud/secret"))).toEqual([]);
    for (const place of found) expect([place, statSync(join(folder, place)).mode & 0o077]).toEqual([place, 0]);
    const { ownerToken } = local.cloud.identities;
    const files = places.filter(([name]) => name.startsWith("/") || ["doctor", "output"].includes(name));
    expect(files.filter(([, text]) => text.includes(ownerToken)).map(([name]) => name)).toEqual(["/cloud/owner-token"]);
    const commands = places.filter(([name, text]) => name.startsWith("arguments") && text.includes(ownerToken));
    expect(commands).toEqual([]);
  });

  /** What the doctor says, with everything that it may see. */
  const doctor = () => {
    const { target } = locate({ project: "settlement-local", region: "us-central1" }, ROOT);
    const endpoints = endpointsOf(endpointConfig(local.cloud.url));
    const reader = new RestReader(endpoints, () => Promise.resolve(local.cloud.identities.ownerToken));
    return diagnose(CHECKS, new Facts(target, reader, readMigrations(join(ROOT, "migrations")), new Date()));
  };

  test("destroy leaves nothing but the enabled APIs", async () => {
    await local.stack.destroy({ onOutput: say, onError: say });
    const project = "projects/settlement-local";
    const lists: [string, string][] = [
      [`/sql/v1beta4/${project}/instances`, "items"],
      [`/v1/${project}/secrets`, "secrets"],
      [`/v1/${project}/serviceAccounts`, "accounts"],
      ["/storage/v1/b?project=settlement-local", "items"],
      [`/v2/${project}/locations/us-central1/services`, "services"],
    ];
    for (const [path, key] of lists) {
      const list = await get<Record<string, unknown[] | undefined>>(path);
      expect([path, list[key] ?? []]).toEqual([path, []]);
    }
    const state = await local.stack.exportStack();
    expect((state.deployment as { resources?: unknown[] }).resources ?? []).toEqual([]);
  });
});
