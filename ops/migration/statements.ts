import { hasSqlDetails, loadModule, type Node, parsePlPgSQLSync, parseSync } from "libpg-query";

/** A statement as PostgreSQL's own parser reads it. */
export interface Statement {
  readonly node: Node;
  /** Line of its first word, from 1. */
  readonly line: number;
  /** Its text. */
  readonly text: string;
  /** What stands between it and the statement before it. */
  readonly comments: string;
}

/** SQL that PostgreSQL cannot read. */
export class SqlSyntaxError extends Error {
  override readonly name = "SqlSyntaxError";

  /** From 1. */
  readonly line: number;
  /** What stands before the place of the error. */
  readonly before: string;
  /** What stands there, up to the end of the line. */
  readonly rest: string;

  constructor(
    message: string,

    line: number,

    before: string,

    rest: string,
  ) {
    super(message);
    this.line = line;
    this.before = before;
    this.rest = rest;
  }
}

/**
 * Parses a text into statements. The statements inside a `DO` block follow it, on its line and under its comments.
 * @throws SqlSyntaxError
 */
export async function statementsOf(sql: string): Promise<Statement[]> {
  await loadModule();
  const bytes = Buffer.from(sql);
  let end = 0;
  const statements: Statement[] = [];
  for (const { stmt, stmt_location: start = 0, stmt_len: length } of parsed(sql).stmts ?? []) {
    const comments = bytes.subarray(end, start).toString();
    end = length === undefined ? bytes.length : start + length;
    const line = bytes.subarray(0, start).toString().split("\n").length;
    const text = bytes.subarray(start, end).toString();
    if (stmt) statements.push(...[stmt, ...inside(stmt, text, line)].map((node) => ({ node, line, text, comments })));
  }
  return statements;
}

function parsed(sql: string) {
  // An empty text is an error to the parser.
  if (sql.trim() === "") return {};
  try {
    return parseSync(sql);
  } catch (error) {
    if (!hasSqlDetails(error)) throw error;
    const at = error.sqlDetails?.cursorPosition ?? 0;
    const before = Array.from(sql).slice(0, at).join("");
    const rest = sql.slice(before.length).split("\n")[0] ?? "";
    throw new SqlSyntaxError(error.message, before.split("\n").length, before, rest);
  }
}

/** What a `DO` block in PL/pgSQL runs; dynamic SQL stays unseen. */
function inside(node: Node, text: string, line: number): Node[] {
  if (!("DoStmt" in node)) return [];
  try {
    return [...queries(parsePlPgSQLSync(text))].flatMap((query) =>
      (parsed(query).stmts ?? []).flatMap(({ stmt }) => (stmt ? [stmt] : [])),
    );
  } catch (error) {
    throw new SqlSyntaxError(`in this block: ${(error as Error).message}`, line, "", "");
  }
}

/** Only statements, not the expressions that PL/pgSQL keeps in the same form. */
function* queries(tree: unknown): Generator<string> {
  if (typeof tree !== "object" || tree === null) return;
  for (const [kind, value] of Object.entries(tree)) {
    if (kind === "PLpgSQL_stmt_commit") yield "COMMIT";
    else if (kind === "PLpgSQL_stmt_rollback") yield "ROLLBACK";
    else if (kind === "PLpgSQL_stmt_execsql") {
      const { sqlstmt } = value as { sqlstmt?: { PLpgSQL_expr?: { query?: string } } };
      if (sqlstmt?.PLpgSQL_expr?.query !== undefined) yield sqlstmt.PLpgSQL_expr.query;
    } else yield* queries(value);
  }
}

/** Every kind of node with its fields. */
export type Nodes = { [N in Node as keyof N & string]: N[keyof N] };

/**
 * Every node of a statement, itself first: what a `WITH` deletes is deleted too. Bodies of functions and rules are left
 * out; they run at another time.
 */
export function* nodesOf(tree: unknown): Generator<[string, unknown]> {
  if (typeof tree !== "object" || tree === null) return;
  for (const [kind, value] of Object.entries(tree)) {
    yield [kind, value];
    if (kind !== "CreateFunctionStmt" && kind !== "RuleStmt") yield* nodesOf(value);
  }
}
