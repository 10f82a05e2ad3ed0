import { readdirSync } from "node:fs";
import { readStackFile, ROOT } from "../../engine/stack-file.ts";
import { objectParts } from "../names.ts";
import type { Remark, Rules } from "./rule.ts";

/**
 * What the stack files declare. Migrations can rely only on what every one declares.
 * @param root The folder of the stack files.
 */
export function declaredBy(
  which: "every" | "some",
  root = ROOT,
): Readonly<Record<"extensions" | "schemas", readonly string[]>> {
  const stacks = readdirSync(root).flatMap((file) => /^Pulumi\.([\w-]+)\.yaml$/.exec(file)?.[1] ?? []);
  const of = (key: "extensions" | "schemas") =>
    stacks
      .map((stack) => (readStackFile(stack, root).config?.["settlement:database"] ?? {}) as Record<string, unknown>)
      .map((database) => (Array.isArray(database[key]) ? database[key].map(String) : []))
      .reduce((all, one) =>
        which === "some" ? [...new Set([...all, ...one])] : all.filter((name) => one.includes(name)),
      );
  return { extensions: of("extensions"), schemas: of("schemas") };
}

/** Extensions and schemas, which the owner's role may not create: an import makes those that the configuration declares. */
export const DECLARED: Rules = {
  CreateExtensionStmt: ({ extname = "", if_not_exists: maybe }) => created("extension", extname, maybe),
  CreateSchemaStmt: ({ schemaname = "", if_not_exists: maybe }) => created("schema", schemaname, maybe),
  DropStmt: ({ objects = [], removeType }) => {
    const kind = { OBJECT_EXTENSION: "extension", OBJECT_SCHEMA: "schema" } as const;
    const dropped = kind[removeType as keyof typeof kind] as "extension" | "schema" | undefined;
    return dropped ? objects.flatMap((object) => removed(dropped, objectParts(object).at(-1) ?? "")) : [];
  },
};

function created(kind: "extension" | "schema", name: string, maybe?: boolean): Remark[] {
  const declared = declaredBy("every")[`${kind}s`].includes(name);
  if (declared && maybe) return [];
  const upper = kind.toUpperCase();
  return [
    {
      rule: "declared",
      problem: `The role that runs migrations may not create the ${kind} ${name}.`,
      remedy: declared
        ? `The configuration declares it, so that an import creates it: remove the statement, or write CREATE ${upper} IF NOT EXISTS ${name}.`
        : `Declare it in each Pulumi.STACK.yaml: settlement:database: { ${kind}s: [${name}] }. Then remove the statement, or write CREATE ${upper} IF NOT EXISTS ${name}.`,
    },
  ];
}

function removed(kind: "extension" | "schema", name: string): Remark[] {
  if (kind === "schema" && !declaredBy("every").schemas.includes(name)) return [];
  return [
    {
      rule: "declared",
      problem: `The ${kind} ${name} is made before the versions, and migrating up again would miss it.`,
      remedy: "Remove the statement.",
    },
  ];
}
