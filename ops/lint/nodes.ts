import { type Node, parsePlPgSQLSync } from "libpg-query";
import { SqlSyntaxError, type Statement, statementsOf } from "../../infra/migrations/statements.ts";

/**
 * Parses a text into statements. The statements inside a `DO` block follow it, with its line and comments.
 * @throws SqlSyntaxError
 */
export async function statementsWithBlocks(sql: string): Promise<Statement[]> {
  const statements: Statement[] = [];
  for (const statement of await statementsOf(sql)) {
    const nodes = [statement.node, ...(await inside(statement))];
    statements.push(...nodes.map((node) => ({ ...statement, node })));
  }
  return statements;
}

/** The statements inside a `DO` block in PL/pgSQL, without dynamic SQL. */
async function inside({ line, node, text }: Statement): Promise<Node[]> {
  if (!("DoStmt" in node)) return [];
  try {
    const statements = await Promise.all(Array.from(queries(parsePlPgSQLSync(text)), statementsOf));
    return statements.flat().map((statement) => statement.node);
  } catch (error) {
    throw new SqlSyntaxError(`in this block: ${(error as Error).message}`, line);
  }
}

/** Statements only, not expressions, which PL/pgSQL stores in the same form. */
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

/** Every node of a statement, itself first; without the bodies of functions and rules, which run later. */
export function* nodesOf(tree: unknown): Generator<[string, unknown]> {
  if (typeof tree !== "object" || tree === null) return;
  for (const [kind, value] of Object.entries(tree)) {
    yield [kind, value];
    if (kind !== "CreateFunctionStmt" && kind !== "RuleStmt") yield* nodesOf(value);
  }
}
