import { VERSIONS_TABLE } from "../names.ts";
import type { Migration } from "./files.ts";
import { type Statement, statementsIn } from "./statements.ts";

/** The PostgreSQL setting with the id of the backup taken before a script. */
export const BACKUP = "settlement.backup";

/** SQL that records a version. */
export function recorded({ version, checksum }: Migration): string {
  return (
    `INSERT INTO ${VERSIONS_TABLE} (version, checksum, backup) ` +
    `VALUES (${quote(version)}, ${quote(checksum)}, current_setting('${BACKUP}', true));`
  );
}

/** Runs each statement separately, so that an error names its file and line. */
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

/** A string as an SQL literal. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
