import { VERSIONS_TABLE } from "../names.ts";
import type { Migration } from "./files.ts";
import { type Statement, statementsIn } from "./statements.ts";

/** The setting that names the backup taken before a script. */
export const BACKUP = "settlement.backup";

/** Records a version, in the transaction that applies it. */
export function recorded({ version, checksum }: Migration): string {
  return (
    `INSERT INTO ${VERSIONS_TABLE} (version, checksum, backup) ` +
    `VALUES (${quote(version)}, ${quote(checksum)}, current_setting('${BACKUP}', true));`
  );
}

/** Runs each statement by itself, so that an error can say where in the file it comes from. */
export async function executed(migration: Migration, sql: string): Promise<string> {
  return (await statementsIn(migration.file, sql)).map((statement) => execute(migration, statement)).join("\n");
}

function execute({ file, version }: Migration, { line, text }: Statement): string {
  const tag = `$v${version}_${line}$`;
  return `  DECLARE
    what text; detail text; hint text;
  BEGIN
    EXECUTE ${tag}${text}${tag};
  EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS what = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RAISE EXCEPTION USING MESSAGE = ${quote(`migrations/${file}:${line}: `)} || what, DETAIL = detail, HINT = hint, ERRCODE = SQLSTATE;
  END;`;
}

/** A text as a constant of SQL. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
