import { hasSqlDetails, loadModule, type Node, parseSync } from "libpg-query";
import { copyAsInserts, RowError } from "./copy.ts";
import { MigrationFileError } from "./file-error.ts";

/** A statement as PostgreSQL's own parser reads it. */
export interface Statement {
  readonly node: Node;
  /** Line of its first word, from 1. */
  readonly line: number;
  readonly text: string;
  /** The text between it and the previous statement. */
  readonly comments: string;
  /** The line on which the body of a DO block begins, from which PostgreSQL counts in its errors. */
  readonly body?: number;
}

/** SQL that PostgreSQL cannot parse. */
export class SqlSyntaxError extends Error {
  override readonly name = "SqlSyntaxError";

  /** From 1. */
  readonly line: number;
  /** The text before the error. */
  readonly before: string;
  /** The text from the error to the end of the line. */
  readonly rest: string;

  constructor(message: string, line: number, before = "", rest = "") {
    super(message);
    this.line = line;
    this.before = before;
    this.rest = rest;
  }
}

/** Splits SQL into statements; a COPY with its rows counts as the INSERT statements that do the same. @throws SqlSyntaxError */
export async function statementsOf(text: string): Promise<Statement[]> {
  await loadModule();
  const sql = withoutCopy(text);
  const bytes = Buffer.from(sql); // The parser counts bytes in statements, and characters in errors.
  const lineAt = lineCounter(bytes);
  let end = 0;
  return parsed(sql).flatMap(({ stmt: node, stmt_location: start = 0, stmt_len: length }) => {
    const comments = bytes.subarray(end, start).toString();
    end = length === undefined ? bytes.length : start + length;
    const line = lineAt(start);
    const text = bytes.subarray(start, end).toString().trim();
    const body = node && bodyOf(node);
    return node ? [{ node, line, text, comments, ...(body !== undefined && { body: lineAt(body) }) }] : [];
  });
}

/** Where the body of a DO block begins, in bytes. */
function bodyOf(node: Node): number | undefined {
  const options = "DoStmt" in node ? (node.DoStmt.args ?? []) : [];
  const [body] = options.flatMap((one) => ("DefElem" in one && one.DefElem.defname === "as" ? [one.DefElem] : []));
  return body?.location;
}

/** Finds the lines of ascending offsets. */
function lineCounter(bytes: Buffer): (offset: number) => number {
  let [at, line] = [0, 1];
  return (offset) => {
    for (let next = bytes.indexOf("\n", at); next >= 0 && next < offset; next = bytes.indexOf("\n", at)) {
      at = next + 1;
      line++;
    }
    return line;
  };
}

/**
 * The statements of a migration.
 * @param sql One direction, with the file's line numbers.
 * @throws MigrationFileError with file, line and PostgreSQL's message if the SQL cannot be parsed.
 */
export async function statementsIn(file: string, sql: string): Promise<Statement[]> {
  return statementsOf(sql).catch((error: unknown) => {
    if (!(error instanceof SqlSyntaxError)) throw error;
    throw new MigrationFileError(`migrations/${file}:${error.line}: ${error.message}.`);
  });
}

/** A text without the blocks of pg_dump that only psql reads; see {@link copyAsInserts}. */
function withoutCopy(sql: string): string {
  try {
    return copyAsInserts(sql, isSql);
  } catch (error) {
    throw error instanceof RowError ? new SqlSyntaxError(error.message, error.line) : error;
  }
}

function isSql(text: string): boolean {
  try {
    parsed(text);
    return true;
  } catch (error) {
    if (error instanceof SqlSyntaxError) return false;
    throw error;
  }
}

function parsed(sql: string) {
  // The parser rejects an empty text.
  if (sql.trim() === "") return [];
  try {
    return parseSync(sql).stmts ?? [];
  } catch (error) {
    if (!hasSqlDetails(error)) throw error;
    const before = Array.from(sql)
      .slice(0, error.sqlDetails?.cursorPosition ?? 0)
      .join("");
    const rest = sql.slice(before.length).split("\n")[0];
    throw new SqlSyntaxError(error.message, before.split("\n").length, before, rest);
  }
}
