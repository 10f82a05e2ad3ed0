import { directions, type Migration } from "../../infra/migrations/files.ts";
import { type Statement, statementsIn } from "../../infra/migrations/statements.ts";
import type { ScratchDatabase } from "../../ops/migration/scratch.ts";

/** Statements that may leave the schema as it is. */
const QUIET =
  /^(Insert|Update|Delete|Merge|Select|Truncate|Copy|Do|Call|Lock|VariableSet|RefreshMatView|Reindex|Cluster)Stmt$/;

/**
 * Applies a migration, rolls it back and applies it again, comparing the schemas.
 * @returns What this could not test, in plain words.
 * @throws Error if a schema is not what it must be, or PostgreSQL refuses a statement.
 */
export async function roundTrip(scratch: ScratchDatabase, migration: Migration): Promise<string[]> {
  const { down, up } = directions(migration.file, migration.text);
  const statements = await statementsIn(migration.file, up);
  const untested: string[] = [];

  const before = await scratch.describe();
  await scratch.run(migration, "up");
  const after = await scratch.describe();
  if (statements.every(isQuiet)) untested.push("what it does to rows");
  else if (after === before) throw new Error(`${migration.file}: the up script does not change the schema.`);
  if (down === "") return [...untested, "rolling back, because the down script is empty"];

  await scratch.run(migration, "down");
  const values = statements.flatMap(addedValue);
  const back = await scratch.describe();
  // PostgreSQL cannot remove a value from an enum; the down script may make the type again.
  const without = (schema: string) => values.reduce((text, { value }) => text.replaceAll(`'${value}'`, ""), schema);
  if (without(back).replace(/[\s,]+/g, "") !== without(before).replace(/[\s,]+/g, "")) {
    throw new Error(
      `${migration.file}: the down script does not restore the schema. Before:\n${before}\nAfter:\n${back}`,
    );
  }
  const stays = values.filter(({ value }) => back.includes(`'${value}'`));
  if (stays.some(({ maybe }) => !maybe)) return [...untested, "applying again, because the new enum value stays"];

  await scratch.run(migration, "up");
  if ((await scratch.describe()) !== after)
    throw new Error(`${migration.file}: applied again, it makes another schema.`);
  return untested;
}

function isQuiet({ node }: Statement): boolean {
  return Object.keys(node).every((kind) => QUIET.test(kind));
}

/** The value that a statement adds to an enum, and whether it may exist before. */
function addedValue({ node }: Statement): { value: string; maybe: boolean }[] {
  if (!("AlterEnumStmt" in node)) return [];
  const { newVal, oldVal, skipIfNewValExists: maybe = false } = node.AlterEnumStmt;
  return newVal === undefined || oldVal !== undefined ? [] : [{ value: newVal, maybe }];
}
