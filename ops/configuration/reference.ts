import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { table } from "../../policies/docs.ts";
import { ROOT } from "../engine/stack-file.ts";
import { type KeySchema, keysSchema, stackFileSchema } from "./stack-file-schema.ts";

/** The generated files. */
export const DOCUMENT = join(ROOT, "docs", "CONFIGURATION.md");
export const SCHEMA = join(ROOT, "docs", "stack-file.schema.json");

/** What the generated files must contain, by path. */
export function generated(): ReadonlyMap<string, string> {
  return new Map([
    [DOCUMENT, reference()],
    [SCHEMA, `${JSON.stringify(stackFileSchema(), undefined, 2)}\n`],
  ]);
}

/** The reference of every key, in Markdown. */
function reference(): string {
  const { properties, required } = keysSchema();
  const isSection = ([, { type }]: [string, KeySchema]) => type === "object";
  const entries = Object.entries(properties);
  const single = entries.filter((entry) => !isSection(entry));
  return [
    INTRODUCTION,
    ...described(single.map(([name, schema]) => ({ name, schema, isRequired: required.includes(name) }))),
    ...entries.filter(isSection).flatMap(([name, schema]) => section(name, schema, required.includes(name))),
  ]
    .join("\n\n")
    .concat("\n");
}

function section(name: string, schema: KeySchema, isRequired: boolean): string[] {
  const { description = "", examples = [] } = schema;
  const example = `\`\`\`yaml\n${stringify({ [name]: examples[0] })}\`\`\``;
  return [
    `## ${name.replace("settlement:", "")}`,
    `${description}${isRequired ? " Required." : ""}`,
    example,
    ...described(keysOf(schema, "")),
  ];
}

interface Key {
  /** The path within its section. */
  readonly name: string;
  readonly schema: KeySchema;
  readonly isRequired: boolean;
}

/** The keys of a section, those of inner objects after each. */
function keysOf({ properties = {}, required = [] }: KeySchema, prefix: string): Key[] {
  return Object.entries(properties).flatMap(([key, schema]) => {
    const name = `${prefix}${key}`;
    const { items = {} } = schema;
    return [
      { name, schema, isRequired: required.includes(key) },
      ...keysOf(schema, `${name}.`),
      ...keysOf(items, `${name}[].`),
    ];
  });
}

/** More values than these are listed below the table. */
const FEW = 8;

function described(keys: readonly Key[]): string[] {
  const rows = keys.map(({ name, schema, isRequired }) => {
    const { description = "", examples = [] } = schema;
    const missing = isRequired ? "required" : "none";
    const value = schema.default === undefined ? missing : code(schema.default);
    const isLarge = schema.properties !== undefined || schema.items?.properties !== undefined;
    return [code(name), typeOf(schema), value, isLarge ? "see below" : code(examples[0]), description];
  });
  const lists = keys.flatMap(({ name, schema }) => {
    const values = (schema.items ?? schema).enum ?? [];
    return values.length > FEW ? [`Values of ${code(name)}: ${values.map(code).join(", ")}.`] : [];
  });
  return [table(["key", "type", "default", "example", "effect"], rows), ...lists];
}

function typeOf({ enum: values, items, title, type = "" }: KeySchema): string {
  if (items)
    return items.title === undefined && items.enum === undefined ? "list of objects" : `list: ${typeOf(items)}`;
  if (values) return values.length > FEW ? "one of those below" : values.map(code).join(", ");
  return title ?? type;
}

/** A value as YAML. */
function code(value: unknown): string {
  return `\`${typeof value === "string" && !/^\d+$/.test(value) ? value : JSON.stringify(value)}\``;
}

const INTRODUCTION = `<!-- Generated from infra/config-schema.ts by ops/configuration/reference.ts; do not edit. -->

# Configuration

Every key of a stack file \`Pulumi.<stack>.yaml\`. A command checks the whole file before it starts anything, and reports every wrong or
missing key at once; so does the program under plain \`pulumi\`.

Editors with a YAML language server (VS Code's YAML extension, Neovim, JetBrains) complete and check the keys by
[stack-file.schema.json](stack-file.schema.json), which the first line of each stack file names. Only the commands check whether keys fit
each other, such as the machine type and its edition.

Keys of the provider, \`gcp:…\`, are those of [its documentation](https://www.pulumi.com/registry/packages/gcp/installation-configuration/).
Credentials do not belong into a stack file, and are refused.

## General`;

if (process.argv[1] === import.meta.filename) {
  for (const [path, text] of generated()) writeFileSync(path, text);
}
