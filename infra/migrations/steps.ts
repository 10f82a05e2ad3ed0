import { OWNER_ROLE, VERSIONS_TABLE } from "../names.ts";
import type { Migration } from "./files.ts";
import { type Statement, statementsIn } from "./statements.ts";

/** The table of the versions with its schema, because a migration may change the search path. */
export const VERSIONS = `public.${VERSIONS_TABLE}`;

/** The table of the repeatable files. */
export const REPEATABLES = "public.schema_repeatables";

/** The PostgreSQL setting with the id of the backup taken before a script. */
export const BACKUP = "settlement.backup";

/** SQL that records a version. */
export function recorded({ version, checksum }: Migration): string {
  return (
    `INSERT INTO ${VERSIONS} (version, checksum, backup) ` +
    `VALUES (${quote(version)}, ${quote(checksum)}, nullif(pg_catalog.current_setting('${BACKUP}', true), ''));`
  );
}

/** Runs each statement separately, so that an error names its file and line; part of a PL/pgSQL block. */
export async function executed(migration: Migration, sql: string): Promise<string> {
  return groupsOf(await statementsIn(migration.file, sql))
    .map((group) => execute(migration, group))
    .join("\n");
}

/** What a block needs to know of a statement. */
type Command = Pick<Statement, "line" | "text" | "body">;

/** Most rows of INSERT statements that one block runs. */
const GROUP = 100;

/**
 * Statements that one block runs. Statements that insert rows share one, because a block costs as much as they do; each other
 * statement has its own, because `statement_timeout` applies to a block.
 */
export function groupsOf(statements: readonly Statement[]): Statement[][] {
  const groups: Statement[][] = [];
  for (const statement of statements) {
    const last = groups.at(-1);
    const joins = [statement, last?.[0]].every((one) => one !== undefined && "InsertStmt" in one.node);
    if (last && joins && last.length < GROUP) last.push(statement);
    else groups.push([statement]);
  }
  return groups;
}

/**
 * A PL/pgSQL block that runs statements. Its own names are qualified, because a file may have temporary tables and a search path
 * that hide PostgreSQL's. An error has PostgreSQL's message after file and line, and says what is applied.
 * @param undone What a failure undoes.
 * @param remedy The hint of an error that has none.
 */
export function execute(
  { file, version }: Migration,
  group: readonly Command[],
  undone = `Version ${version}`,
  remedy = "Correct the cause, then update again: it continues with this version.",
): string {
  const list = (values: readonly (string | number)[]) => `ARRAY[${values.join(", ")}]`;
  return `  DECLARE
    texts CONSTANT pg_catalog.text[] := ${list(group.map(({ text }) => dollarQuoted(text, "sql")))};
    lines CONSTANT int[] := ${list(group.map(({ line }) => line))};
    bodies CONSTANT int[] := ${list(group.map(({ body }) => body ?? "NULL"))};
    at int := 1; line int;
    what pg_catalog.text; detail pg_catalog.text; hint pg_catalog.text; context pg_catalog.text;
  BEGIN
    WHILE at <= ${group.length} LOOP
      EXECUTE texts[at];
      at := at + 1;
    END LOOP;
  EXCEPTION WHEN QUERY_CANCELED OR ASSERT_FAILURE OR OTHERS THEN
    GET STACKED DIAGNOSTICS what = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, context = PG_EXCEPTION_CONTEXT;
    SET LOCAL ROLE ${OWNER_ROLE};
    context := pg_catalog.left(context, greatest(pg_catalog.strpos(context, 'SQL statement "' || texts[at]) - 2, 0));
    line := coalesce(bodies[at] + substring(context from '.*inline_code_block line ([0-9]+)')::int - 1, lines[at]);
    RAISE EXCEPTION USING MESSAGE = ${quote(`migrations/${file}:`)} || line || ': ' || what, ERRCODE = SQLSTATE,
      DETAIL = pg_catalog.concat_ws(E'\\n', nullif(detail, ''), nullif(context, ''), ${quote(`${undone} was undone;`)} || (
        SELECT coalesce(' the database is at version ' || pg_catalog.max(version), ' the database has no version') || '.' FROM ${VERSIONS})),
      HINT = coalesce(nullif(hint, ''), ${quote(remedy)});
  END;`;
}

/** A string as an SQL literal, for text that may have backslashes: a migration may change how those are read. */
export function dollarQuoted(text: string, name: string): string {
  for (let n = 0; ; n++) {
    const tag = `$${name}${n === 0 ? "" : n}$`;
    if (`${text}${tag}`.indexOf(tag) === text.length) return `${tag}${text}${tag}`;
  }
}

/** A string as an SQL literal. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
