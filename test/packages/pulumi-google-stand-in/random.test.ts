import { isSecret, reveal } from "../../../packages/pulumi-google-stand-in/values.ts";
import { Engine, googleAt } from "./engine.ts";

const PASSWORD = "random:index/randomPassword:RandomPassword";
const ID = "random:index/randomId:RandomId";
const engine = new Engine(googleAt("http://127.0.0.1:1"));

const draw = async (program: object): Promise<string> => {
  const { outputs } = await engine.create(PASSWORD, { ...program });
  expect(isSecret(outputs.result)).toBe(true);
  return String(reveal(outputs.result));
};

test.each([
  ["letters and digits", { length: 25, special: false }, /^[A-Za-z0-9]{25}$/],
  ["one class", { length: 40, special: false, upper: false, lower: false }, /^[0-9]{40}$/],
  [
    "custom special characters",
    { length: 12, lower: false, upper: false, numeric: false, overrideSpecial: "-" },
    /^-{12}$/,
  ],
  [
    "minimums that add up to its length",
    { length: 4, minLower: 1, minUpper: 1, minNumeric: 1, minSpecial: 1 },
    /^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)(?=.*[^A-Za-z0-9]).{4}$/,
  ],
])("a password of %s", async (_what, program, form) => {
  expect(await draw(program)).toMatch(form);
});

test("passwords differ, and each class can be in every place", async () => {
  const drawn = await Promise.all(
    Array.from({ length: 200 }, () => draw({ length: 4, minNumeric: 1, special: false })),
  );
  expect(new Set(drawn).size).toBeGreaterThan(190);
  expect(new Set(drawn.map((password) => password.search(/\d/)))).toEqual(new Set([0, 1, 2, 3]));
});

test("refuses minimums that exceed the length", async () => {
  await expect(draw({ length: 1, minLower: 1, minUpper: 1 })).rejects.toThrow(
    "length is 1, but the minimums add up to 2",
  );
});

test("a password is replaced when its inputs change, and only then", async () => {
  const program = { length: 25, special: false, keepers: { turn: "1" } };
  const made = await engine.create(PASSWORD, program);
  expect(engine.changes(made, program)).toEqual([]);
  expect(await engine.refresh(made)).toEqual(made);
  expect(engine.changes(made, { ...program, length: 26 })).toEqual(["length!"]);
  expect(engine.changes(made, { ...program, special: true })).toEqual(["special!"]);
  expect(engine.changes(made, { ...program, keepers: { turn: "2" } })).toEqual(['keepers["turn"]!']);
  expect(engine.changes(made, { length: 25, special: false })).toEqual(["keepers!"]);
});

test("an id has four encodings of the same bytes", async () => {
  const made = await engine.create(ID, { byteLength: 4, prefix: "db-" });
  const { hex, dec, b64Std, b64Url } = made.outputs as Record<string, string>;
  const bytes = Buffer.from((hex ?? "").replace("db-", ""), "hex");
  expect(bytes).toHaveLength(4);
  expect({ dec, b64Std, b64Url }).toEqual({
    dec: `db-${bytes.readUInt32BE()}`,
    b64Std: `db-${bytes.toString("base64")}`,
    b64Url: `db-${bytes.toString("base64url")}`,
  });
  expect(made.id).toBe(bytes.toString("base64url"));
  expect(await engine.refresh(made)).toEqual(made);
  expect(engine.changes(made, { byteLength: 4, prefix: "db-" })).toEqual([]);
  expect(engine.changes(made, { byteLength: 5, prefix: "db-" })).toEqual(["byteLength!"]);
  const imported = await engine.import(ID, `db-,${made.id}`);
  expect(imported.outputs).toEqual(made.outputs);
  expect(engine.changes(imported, { byteLength: 4, prefix: "db-" })).toEqual([]);
});

test("a string is its own id, and no secret", async () => {
  const STRING = "random:index/randomString:RandomString";
  const made = await engine.create(STRING, { length: 8, special: false });
  expect(made.outputs.result).toMatch(/^[A-Za-z0-9]{8}$/);
  expect(made.id).toBe(made.outputs.result);
  expect(await engine.refresh(made)).toEqual(made);
  expect(engine.changes(made, { length: 9, special: false })).toEqual(["length!"]);
  expect((await engine.import(STRING, "abc")).outputs).toMatchObject({ result: "abc", length: 3 });
});

test("bytes have two encodings, both secret", async () => {
  const BYTES = "random:index/randomBytes:RandomBytes";
  const made = await engine.create(BYTES, { length: 16 });
  expect(isSecret(made.outputs.base64) && isSecret(made.outputs.hex)).toBe(true);
  const base64 = Buffer.from(String(reveal(made.outputs.base64)), "base64");
  expect(base64).toHaveLength(16);
  expect(base64.toString("hex")).toBe(reveal(made.outputs.hex));
  expect(await engine.refresh(made)).toEqual(made);
  expect(engine.changes(made, { length: 17 })).toEqual(["length!"]);
  expect((await engine.import(BYTES, made.id)).outputs).toEqual(made.outputs);
});

test("an imported password is a secret", async () => {
  const imported = await engine.import(PASSWORD, "correct-horse");
  expect(isSecret(imported.outputs.result)).toBe(true);
});
