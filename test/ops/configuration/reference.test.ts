import { Ajv } from "ajv";
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parse } from "yaml";
import { ConfigError, parseConfig } from "../../../infra/config.ts";
import { generated, SCHEMA } from "../../../ops/configuration/reference.ts";
import { type KeySchema, keysSchema } from "../../../ops/configuration/stack-file-schema.ts";
import { ROOT } from "../../../ops/engine/stack-file.ts";
import { CONFIG } from "../../infra/declared.ts";

const FILES = readdirSync(ROOT).filter((file) => /^Pulumi\.\w+\.yaml$/.test(file));
const read = (file: string) => readFileSync(join(ROOT, file), "utf8");

test("the generated files are up to date; otherwise run npm run configuration:docs", () => {
  const files = generated();
  expect([...files.keys()].map((path) => basename(path))).toEqual(["CONFIGURATION.md", "stack-file.schema.json"]);
  for (const [path, text] of files) expect(readFileSync(path, "utf8")).toBe(text);
});

/** Every key with its path, those of objects and of lists of objects included. */
function keys(schema: KeySchema, path: readonly string[] = []): { path: readonly string[]; schema: KeySchema }[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, inner]) => {
    const own = [...path, key];
    return [{ path: own, schema: inner }, ...keys(inner, own), ...keys(inner.items ?? {}, [...own, "0"])];
  });
}

/** A valid configuration with a value at a path; what else the sections on the way require comes from their examples. */
function withValue(
  [first = "", ...rest]: readonly string[],
  value: unknown,
  schema: KeySchema,
  base: unknown,
): unknown {
  if (first === "") return value;
  const inner = (first === "0" ? schema.items : schema.properties?.[first]) ?? {};
  const given = (base as Record<string, unknown> | undefined)?.[first] ?? inner.examples?.[0];
  const own = withValue(rest, value, inner, given);
  return first === "0" ? [own] : { ...(base as object | undefined), [first]: own };
}

describe("every key", () => {
  const all = keysSchema();
  const cases = keys(all).map(({ path, schema }) => ({ name: path.join("."), path, schema }));

  test.each(cases)("$name says what it does, with an example that the program accepts", ({ path, schema }) => {
    const { description, examples = [] } = schema;
    expect(description).toMatch(/^[A-Z`].*\.$/);
    expect(examples).toHaveLength(1);
    const base = Object.fromEntries(
      Object.entries(CONFIG).map(([key, value]) => [
        ["project", "region"].includes(key) ? `gcp:${key}` : `settlement:${key}`,
        value,
      ]),
    );
    const values = withValue(path, examples[0], all, base) as Record<string, unknown>;
    const own = Object.entries(values).map(([key, value]) => [key.replace(/^\w+:/, ""), value] as const);
    const problems = (() => {
      try {
        parseConfig(Object.fromEntries(own));
        return [];
      } catch (error) {
        return error instanceof ConfigError ? error.problems : [String(error)];
      }
    })();
    // The edition, and its machine type, are other keys' examples.
    expect(problems.filter((problem) => !/expected (a machine type of|nothing in) edition/.test(problem))).toEqual([]);
  });
});

describe("the schema for editors", () => {
  const validate = new Ajv({ allErrors: true }).compile<object>(JSON.parse(readFileSync(SCHEMA, "utf8")) as object);
  const errors = (text: string): string[] => {
    validate(parse(text));
    return (validate.errors ?? []).map(({ instancePath, message = "", params }) =>
      `${instancePath} ${message} ${(params as { additionalProperty?: string }).additionalProperty ?? ""}`.trim(),
    );
  };
  const staging = read("Pulumi.staging.yaml");

  test.each(FILES)("is named by the first line of %s, which it accepts", (file) => {
    const text = read(file);
    expect(text.split("\n")[0]).toBe("# yaml-language-server: $schema=docs/stack-file.schema.json");
    expect(errors(text)).toEqual([]);
  });

  test("accepts the keys of the provider and of the engine", () => {
    expect(errors(`${staging}  gcp:impersonateServiceAccount: a@b.iam.gserviceaccount.com\n`)).toEqual([]);
    expect(errors(`${staging}  pulumi:tags: { team: payments }\nencryptedkey: abc\n`)).toEqual([]);
  });

  test.each([
    ["a misspelt key", /tier:/, "teir:", ["/config/settlement:database must have required property 'tier'", "teir"]],
    ["a wrong value", "ZONAL", "LOCAL", ["/config/settlement:database/availability must be equal to one of"]],
    ["a number as text", /image: .*/, 'image: h/p/n:1\n    maxInstances: "4"', ["maxInstances must be integer"]],
    ["a number that is too large", /image: .*/, "image: h/p/n:1\n    poolSize: 1001", ["poolSize must be <= 1000"]],
    ["a CPU without quotes", /image: .*/, "image: h/p/n:1\n    cpu: 2", ["/cpu must be string", "/cpu must be equal"]],
    ["an image without a host", /image: .*/, "image: nginx", ["/image must match pattern"]],
    [
      "a credential",
      /gcp:region/,
      "gcp:credentials: x\n  gcp:region",
      ["/config/gcp:credentials boolean schema is false"],
    ],
    ["a missing section", /settlement:service:\n.*/, "", ["must have required property 'settlement:service'"]],
    [
      "another namespace",
      /settlement:environment/,
      "setlement:environment",
      ["'settlement:environment'", "setlement:"],
    ],
    ["a misspelt section of the file", /^config:/m, "konfig:", ["must have required property 'config'", "konfig"]],
  ])("reports %s", (_what, from, to, said) => {
    const wrong = staging.replace(from, to);
    expect(wrong).not.toBe(staging);
    expect(errors(wrong)).toEqual(said.map((part) => expect.stringContaining(part) as string));
  });
});
