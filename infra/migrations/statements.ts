import { loadModule, parseSync, SqlError } from "libpg-query";
import { MigrationFileError } from "./files.ts";

/** One statement of a migration. */
export interface Statement {
  readonly text: string;
  /** The line of the file it begins on, counted from 1. */
  readonly line: number;
}

/**
 * Splits SQL into its statements, with PostgreSQL's own parser.
 * @param file The file's name, for messages.
 * @param sql The SQL, at the lines it has in the file.
 * @throws MigrationFileError with file, line and PostgreSQL's message where the SQL cannot be parsed.
 */
export async function statements(file: string, sql: string): Promise<Statement[]> {
  await loadModule();
  const bytes = Buffer.from(sql); // statements are placed by bytes, an error's position by characters
  try {
    const parsed = parseSync(sql) as { stmts?: { stmt_location?: number; stmt_len?: number }[] };
    return (parsed.stmts ?? []).map(({ stmt_location: from = 0, stmt_len: length }) => {
      const text = bytes.subarray(from, length === undefined ? undefined : from + length).toString();
      const blank = /^\s*/.exec(text)?.[0].length ?? 0;
      const before = bytes.subarray(0, from).toString() + text.slice(0, blank);
      return { text: text.trim(), line: before.split("\n").length };
    });
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    const line = sql.slice(0, error.sqlDetails?.cursorPosition ?? 0).split("\n").length;
    throw new MigrationFileError(`migrations/${file}:${line}: ${error.message}.`);
  }
}
