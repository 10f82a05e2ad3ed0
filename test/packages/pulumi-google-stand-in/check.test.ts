import { reveal, secret, UNKNOWN } from "../../../packages/pulumi-google-stand-in/values.ts";
import { Engine, googleAt, PROJECT } from "./engine.ts";

/** Why a property is refused that the stand-in does not have. */
const unknownProperty = (path: string) =>
  `unknown property "${path}"; if it is spelt right, install the official provider, of which the stand-in has only a part`;

const engine = new Engine(googleAt("http://127.0.0.1:1"));
const USER = "gcp:sql/user:User";
const SECRET = "gcp:secretmanager/secret:Secret";
const INSTANCE = "gcp:sql/databaseInstance:DatabaseInstance";

const failures = (type: string, program: object): readonly string[] =>
  engine.provider.check({
    urn: engine.urn(type),
    google: engine.google,
    olds: {},
    news: { ...program },
    seed: new Uint8Array(),
  }).failures;

test.each([
  ["an unknown property", USER, { instance: "i", pasword: "x" }, [unknownProperty("pasword")]],
  ["a missing property", USER, {}, ['missing required property "instance"']],
  ["an output given as input", SECRET, { replication: {}, createTime: "now" }, [unknownProperty("createTime")]],
  [
    "all mistakes in nested properties",
    INSTANCE,
    {
      databaseVersion: "POSTGRES_17",
      settings: { diskSize: "10", ipConfiguration: { ipv4: true }, databaseFlags: {} },
    },
    [
      'property "settings.diskSize" must be a number, not a string',
      unknownProperty("settings.ipConfiguration.ipv4"),
      'property "settings.databaseFlags" must be a list, not an object',
      'missing required property "settings.tier"',
    ],
  ],
  [
    "an unknown deletion policy, which would delete",
    USER,
    { instance: "i", deletionPolicy: "ABANDONED" },
    ['property "deletionPolicy" must be one of DELETE, ABANDON, PREVENT'],
  ],
  [
    "mistakes in a list",
    INSTANCE,
    { databaseVersion: "POSTGRES_17", settings: { tier: "t", databaseFlags: [{ name: "f" }] } },
    ['missing required property "settings.databaseFlags[0].value"'],
  ],
  [
    "a secret of the wrong type, without its value",
    USER,
    { instance: "i", password: secret(4711) },
    ['property "password" must be a string, not a number'],
  ],
])("names %s", (_what, type, program, expected) => {
  expect(failures(type, program)).toEqual(expected);
});

test("keeps unknown values and secret markers, and marks a secret property", () => {
  const inputs = engine.check(engine.urn(USER), { instance: UNKNOWN, name: secret("n"), password: "p" });
  expect(inputs).toMatchObject({ instance: UNKNOWN, name: secret("n"), password: secret("p") });
});

test("a generated name is kept", () => {
  const urn = engine.urn(SECRET, "db");
  const first = engine.check(urn, { replication: { auto: {} } });
  expect(first.secretId).toMatch(/^db-[0-9a-f]{7}$/);
  expect(engine.check(urn, { replication: { auto: {} } }, first).secretId).toBe(first.secretId);
});

test("a resource with a fixed name is deleted before its replacement, one with a generated name after", () => {
  const change = { replication: { userManaged: { replicas: [{ location: "us-central1" }] } } };
  const had = (program: object) => {
    const inputs = engine.check(engine.urn(SECRET), { replication: { auto: {} }, ...program });
    return { urn: engine.urn(SECRET), id: "x", inputs, outputs: inputs };
  };
  expect(engine.diff(had({ secretId: "db" }), { ...change, secretId: "db" })).toMatchObject({
    deleteBeforeReplace: true,
  });
  expect(engine.diff(had({}), change)).toMatchObject({ deleteBeforeReplace: false });
});

test("a preview treats an unknown value as a change", () => {
  const inputs = engine.check(engine.urn(USER), { name: "u", instance: "i", password: "p" });
  const resource = {
    urn: engine.urn(USER),
    id: "u//i",
    inputs,
    outputs: { ...inputs, project: PROJECT, deletionPolicy: "DELETE" },
  };
  expect(engine.changes(resource, { name: "u", instance: UNKNOWN, password: secret(UNKNOWN) })).toEqual([
    "instance!",
    "password",
  ]);
});

test("names an unknown resource type, and what to install for it", () => {
  expect(() => failures("gcp:pubsub/topic:Topic", {})).toThrow(
    /does not support the resource type "gcp:pubsub\/topic:Topic"\. Install the official provider, with pulumi plugin install resource gcp,/,
  );
});

test("removes secret markers at any depth", () => {
  expect(reveal({ a: [secret({ b: secret("c") })] })).toEqual({ a: [{ b: "c" }] });
});
