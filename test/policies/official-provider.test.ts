import { readFileSync } from "node:fs";
import { join } from "node:path";
import { stackValues } from "../../ops/engine/stack-values.ts";
import { configOf } from "../../policies/config.ts";
import { declare as declareStack } from "../infra/declared.ts";
import { type Declared, judge, UNKNOWN_TEXT } from "./declare.ts";
import { connectionString } from "./good.ts";

/** A resource recorded from the official provider; see test/recorded/take-over.mjs. */
interface Recorded {
  readonly type: string;
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly outputs: Readonly<Record<string, unknown>>;
}

/** The placeholder for every secret in the recordings, even for null. */
const BLANKED = "[secret]";

/** A recorded stack with the dependencies that the program declares; resources and settings added since stay as declared. */
async function recorded(stack: string, config: Record<string, unknown>, preview: boolean): Promise<Declared[]> {
  const file = join(import.meta.dirname, "..", "recorded", "official-provider", `${stack}.json`);
  const resources = JSON.parse(readFileSync(file, "utf8")) as Recorded[];
  const { resources: program } = await declareStack(config, preview);
  const names = (urns: readonly string[] = []) =>
    urns.flatMap((urn) => program.find((one) => one.urn === urn)?.name ?? []);
  const instance = resources.find(({ name }) => name === "settlement-instance")?.outputs.connectionName;
  return program
    .filter(({ type }) => type.includes("/"))
    .map(({ type, name, inputs, protect, dependencies, madeOf }) => {
      const seen = resources.find((one) => one.type === type && one.name === name);
      const secret = (property: string) => {
        if (seen?.inputs[property] === undefined) return null;
        if (preview || name !== "settlement-db-connection-string-version") return UNKNOWN_TEXT;
        return connectionString({ user: "settlement_user", database: "settlement_db", host: String(instance) });
      };
      const shown = (props: Readonly<Record<string, unknown>>) =>
        Object.fromEntries(
          Object.entries(props).map(([property, value]) => [property, value === BLANKED ? secret(property) : value]),
        );
      const props = shown(merged(inputs, seen?.inputs ?? {}));
      return {
        type,
        name,
        protect,
        props,
        outputs: { ...props, ...shown(seen?.outputs ?? {}) },
        dependsOn: names(dependencies),
        madeOf: Object.fromEntries(Object.entries(madeOf).map(([property, urns]) => [property, names(urns)])),
      };
    });
}

/** What was declared, with what was recorded of it in its place. */
function merged(declared: object, recorded: object): Record<string, unknown> {
  const both = Object.entries(recorded).map(([property, value]: [string, unknown]) => {
    const before = (declared as Readonly<Record<string, unknown>>)[property];
    return [property, isObject(before) && isObject(value) ? merged(before, value) : value];
  });
  return { ...declared, ...Object.fromEntries(both) } as Record<string, unknown>;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

test.each([
  { stack: "local", change: {}, preview: false },
  {
    stack: "local-private-network",
    change: { network: { subnet: "10.8.0.0/24", services: "10.9.0.0/20" } },
    preview: false,
  },
  { stack: "staging", change: {}, preview: true },
  { stack: "prod", change: { adopt: undefined }, preview: true },
])("the pack accepts $stack as the official provider returns it", async ({ stack, change, preview }) => {
  const [file = ""] = stack.split("-");
  const resources = await recorded(stack, { ...stackValues(file), ...change }, preview);
  const { project } = stackValues(file);
  expect(judge(resources, { config: configOf("settlement", file), project: String(project) })).toEqual([]);
});
