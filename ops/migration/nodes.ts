import { type Node, parsePlPgSQLSync } from "libpg-query";
import { SqlSyntaxError, type Statement, statementsOf } from "../../infra/migrations/statements.ts";

/**
 * Parses a text into statements. The statements inside a `DO` block follow it, on its line and under its comments.
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

/** What a `DO` block in PL/pgSQL runs; dynamic SQL stays unseen. */
async function inside({ line, node, text }: Statement): Promise<Node[]> {
  if (!("DoStmt" in node)) return [];
  try {
    const statements = await Promise.all(Array.from(queries(parsePlPgSQLSync(text)), statementsOf));
    return statements.flat().map((statement) => statement.node);
  } catch (error) {
    throw new SqlSyntaxError(`in this block: ${(error as Error).message}`, line);
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
