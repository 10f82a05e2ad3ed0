import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { typeName } from "../../ops/engine/resource-types.ts";
import { SECRET, UNKNOWN } from "../../ops/terminal/values.ts";
import { stackValues } from "../../ops/engine/stack-values.ts";
import { type Declared, declare } from "../infra/declared.ts";

const REPLICA = { replica: { region: "us-east1", tier: "db-custom-2-7680" } };

const POOLING = { edition: "ENTERPRISE_PLUS", tier: "db-perf-optimized-N-2", pooling: { poolSize: 100 } };

const HEAD = "# What an update of an empty stack makes. Written by: UPDATE_GOLDEN=1 npx jest test/inventory\n";

/** Stands for a value that is unknown before the update. */
const UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** A resource as the inventory shows it. */
function entry({ inputs, name, protect, retainOnDelete, type }: Declared, secrets: readonly string[]): object {
  const properties = Object.entries(inputs)
    .filter(([key]) => !key.startsWith("__")) // the code of a dynamic resource
    .map(([key, value]) => [key, secrets.includes(key) ? SECRET : shown(value)]);
  return {
    type: typeName(type),
    name,
    ...(protect && { protect }),
    ...(retainOnDelete && { retainOnDelete }),
    properties: Object.fromEntries(properties) as object,
  };
}

function shown(value: unknown): unknown {
  if (value === UNKNOWN_TEXT) return UNKNOWN;
  if (Array.isArray(value)) return value.map(shown);
  if (typeof value !== "object" || value === null) return value;
  if ("__pulumiAsset" in value) return "[content of the file]";
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shown(inner)]));
}

function key({ name, type }: Declared): string {
  return `${typeName(type)} ${name}`;
}

function expectGolden(name: string, text: string): void {
  const path = join(import.meta.dirname, `${name}.yaml`);
  if (process.env.UPDATE_GOLDEN !== undefined) writeFileSync(path, text);
  expect(existsSync(path) ? readFileSync(path, "utf8") : `${path} does not exist`).toBe(text);
}

/** Compares with a file beside this one; `UPDATE_GOLDEN=1 npx jest test/inventory` updates them. */
test.each([
  ["local", {}],
  ["staging", {}],
  ["prod", {}],
  ["prod-pooling", { database: { ...(stackValues("prod").database as object), ...POOLING } }],
  ["prod-replica", { database: { ...(stackValues("prod").database as object), ...REPLICA } }],
  [
    "prod-replica-frontend",
    {
      database: { ...(stackValues("prod").database as object), ...REPLICA },
      frontend: { domain: "settlement.example.com" },
    },
  ],
  ["staging-private-network", { network: { subnet: "10.8.0.0/24", services: "10.9.0.0/20" } }],
])("the inventory of a new stack %s is complete", async (stack, more) => {
  // Prod as after adoption.
  const values = {
    ...stackValues(stack.replace(/-(private-network|pooling|replica|frontend)/g, "")),
    adopt: undefined,
    ...more,
  };
  const { resources } = await declare(values, true);
  // Properties are known to be secret only once they have values.
  const secrets = new Map((await declare(values)).resources.map((resource) => [resource.urn, resource.secrets]));
  const entries = resources
    .filter(({ type }) => type.includes("/"))
    .sort((a, b) => (key(a) < key(b) ? -1 : 1))
    .map((resource) => entry(resource, secrets.get(resource.urn) ?? []));
  const text = HEAD + stringify(entries, { lineWidth: 0 });
  expectGolden(stack, text);
});

test("the inventory lists what the first update of prod imports, and leaves unchanged", async () => {
  const { resources } = await declare(stackValues("prod"));
  const imports = resources
    .filter(({ importId }) => importId !== "")
    .sort((a, b) => (key(a) < key(b) ? -1 : 1))
    .map(({ ignoreChanges, importId, name, type }) => ({
      type: typeName(type),
      name,
      import: importId,
      ...(ignoreChanges.length > 0 && { ignoreChanges }),
    }));
  const head = HEAD.replace("an update of an empty stack makes", "the first update of prod imports");
  expectGolden("prod-imports", head + stringify(imports, { lineWidth: 0 }));
});
