import { isSecret, reveal, secret } from "../../../packages/pulumi-google-stand-in/values.ts";
import { enable, Engine, PROJECT, startTestCloud, type TestCloud } from "./engine.ts";

const VERSION = "gcp:secretmanager/secretVersion:SecretVersion";
const program = (rest: object = {}) => ({
  secret: `projects/${PROJECT}/secrets/db`,
  secretData: secret("postgresql://"),
  ...rest,
});

let cloud: TestCloud;
let engine: Engine;

beforeAll(async () => {
  cloud = await startTestCloud();
  engine = new Engine(cloud.google);
  await enable(cloud, "secretmanager.googleapis.com");
  await engine.create("gcp:secretmanager/secret:Secret", { secretId: "db", replication: { auto: {} } });
});
afterAll(() => cloud.stop());

const stateOf = async (name: string) => (await cloud.google.call("secretManager", "GET", name)).state;
const dataOf = async (name: string) => {
  const { payload } = await cloud.google.call("secretManager", "GET", `${name}:access`);
  return Buffer.from((payload as { data: string }).data, "base64").toString();
};

test("a version contains the data, which is a secret in the state", async () => {
  const made = await engine.create(VERSION, program());
  expect(made.id).toMatch(/^projects\/\d+\/secrets\/db\/versions\/\d+$/);
  expect(made.outputs).toMatchObject({ version: made.id.split("/").at(-1), enabled: true, name: made.id });
  expect(isSecret(made.outputs.secretData)).toBe(true);
  expect(await dataOf(made.id)).toBe("postgresql://");
  expect(await engine.refresh(made)).toEqual(made);
  expect(engine.changes(made, program({ secretData: "other" }))).toEqual(["secretData!"]);
});

test("data in base64 is not encoded twice", async () => {
  const data = Buffer.from([0, 255]).toString("base64");
  const made = await engine.create(VERSION, program({ secretData: data, isSecretDataBase64: true }));
  const { payload } = await cloud.google.call("secretManager", "GET", `${made.id}:access`);
  expect(payload).toMatchObject({ data });
});

test("disables and enables a version in place", async () => {
  const made = await engine.create(VERSION, program());
  const disabled = await engine.update(made, program({ enabled: false }));
  expect(await stateOf(made.id)).toBe("DISABLED");
  expect(disabled.outputs).toMatchObject({ enabled: false, secret: made.outputs.secret });
  await engine.update(disabled, program({ enabled: true }));
  expect(await stateOf(made.id)).toBe("ENABLED");
});

test.each([
  ["DELETE", "DESTROYED"],
  ["DISABLE", "DISABLED"],
  ["ABANDON", "ENABLED"],
])("with the policy %s, a deleted version is %s", async (deletionPolicy, state) => {
  const made = await engine.create(VERSION, program({ deletionPolicy }));
  await engine.delete(made);
  expect(await stateOf(made.id)).toBe(state);
});

test("refuses to delete a version with the policy PREVENT", async () => {
  const made = await engine.create(VERSION, program({ deletionPolicy: "PREVENT" }));
  await expect(engine.delete(made)).rejects.toThrow("deletionPolicy is PREVENT");
});

test("a destroyed version no longer exists", async () => {
  const made = await engine.create(VERSION, program());
  await cloud.google.call("secretManager", "POST", `${made.id}:destroy`, { body: {} });
  expect(await engine.refresh(made)).toBeUndefined();
});

test("an import reads the data, and has the project's number instead of its id", async () => {
  const made = await engine.create(VERSION, program());
  const imported = await engine.import(VERSION, made.id);
  expect(isSecret(imported.inputs.secretData)).toBe(true);
  expect(reveal(imported.outputs.secretData)).toBe("postgresql://");
  expect(engine.changes(imported, program())).toEqual(["secret!"]);
});
