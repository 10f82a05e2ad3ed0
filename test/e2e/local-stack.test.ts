import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseConnectionString } from "../../infra/connection";
import { type LocalEnvironment, startLocal } from "../../ops/local";
import { sendSettlementCommand } from "../../ops/smoke";
import { ROOT } from "../../ops/workspace";

jest.setTimeout(300_000);

describe("the local stack, through the real engine", () => {
  let folder: string;
  let local: LocalEnvironment;
  /** Everything that was printed. */
  let printed = "";

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
    const { summary } = await local.stack.up({ onOutput: say, onError: say });
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
    const forms = [password, string].flatMap((text) => [
      text,
      encodeURIComponent(text),
      Buffer.from(text).toString("base64").replace(/=+$/, ""),
    ]);
    const arguments_ = execFileSync("ps", ["-eo", "args"], { encoding: "utf8" });
    const places: [string, string][] = [
      ["output", printed],
      ["process arguments", arguments_],
    ];
    for (const file of filesBelow(folder)) places.push([file.slice(folder.length), readFileSync(file, "latin1")]);
    const found = places.filter(([, text]) => forms.some((form) => text.includes(form))).map(([place]) => place);
    expect(found).not.toHaveLength(0);
    expect(found.filter((place) => !place.startsWith("/cloud/secret"))).toEqual([]);
    const { ownerToken } = local.cloud.identities;
    const holders = places.filter(([, text]) => text.includes(ownerToken)).map(([place]) => place);
    expect(holders).toEqual(["/cloud/owner-token"]);
  });

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

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
