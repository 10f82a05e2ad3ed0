import { reveal, secret, UNKNOWN } from "../../../packages/pulumi-google-stand-in/values.ts";
import { Engine, googleAt, PROJECT } from "./engine.ts";

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
  ["an unknown property", USER, { instance: "i", pasword: "x" }, ['unknown property "pasword"']],
  ["a missing property", USER, {}, ['missing required property "instance"']],
  ["an output given as input", SECRET, { replication: {}, createTime: "now" }, ['unknown property "createTime"']],
  [
    "mistakes further down, all of them",
    INSTANCE,
    {
      databaseVersion: "POSTGRES_17",
      settings: { diskSize: "10", ipConfiguration: { ipv4: true }, databaseFlags: {} },
    },
    [
      'property "settings.diskSize" must be a number, not a string',
      'unknown property "settings.ipConfiguration.ipv4"',
      'property "settings.databaseFlags" must be a list, not an object',
      'missing required property "settings.tier"',
    ],
  ],
  [
    "a deletion policy that is none, and would delete",
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
])("%s is named", (_what, type, program, expected) => {
  expect(failures(type, program)).toEqual(expected);
});

test("unknown values and secret marks survive, and what Google must not tell is a secret anyway", () => {
  const inputs = engine.check(engine.urn(USER), { instance: UNKNOWN, name: secret("n"), password: "p" });
  expect(inputs).toMatchObject({ instance: UNKNOWN, name: secret("n"), password: secret("p"), project: PROJECT });
});

test("a name that the program leaves out is made up once and then stays", () => {
  const urn = engine.urn(SECRET, "db");
  const first = engine.check(urn, { replication: { auto: {} } });
  expect(first.secretId).toMatch(/^db-[0-9a-f]{7}$/);
  expect(engine.check(urn, { replication: { auto: {} } }, first).secretId).toBe(first.secretId);
});

test("a resource with a name of its own goes before its successor comes; one with a made-up name after", () => {
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

test("a preview takes an unknown value for a change", () => {
  const inputs = engine.check(engine.urn(USER), { name: "u", instance: "i", password: "p" });
  const resource = { urn: engine.urn(USER), id: "u//i", inputs, outputs: inputs };
  expect(engine.changes(resource, { name: "u", instance: UNKNOWN, password: secret(UNKNOWN) })).toEqual([
    "instance!",
    "password",
  ]);
});

test("a resource type that is not there is named, with those that are", () => {
  expect(() => failures("gcp:pubsub/topic:Topic", {})).toThrow(/no resource type "gcp:pubsub\/topic:Topic".*sql\/user/);
});

test("marks can be taken off", () => {
  expect(reveal({ a: [secret({ b: secret("c") })] })).toEqual({ a: [{ b: "c" }] });
});
