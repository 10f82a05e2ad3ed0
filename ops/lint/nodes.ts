import { type Node, parsePlPgSQLSync } from "libpg-query";
import { SqlSyntaxError, type Statement, statementsOf } from "../../infra/migrations/statements.ts";

/** A statement of a migration, or inside one of its `DO` blocks. */
export interface Step extends Statement {
  /** Whether it is a statement of the file, not of a block. */
  readonly own: boolean;
  /** Whether it always runs, and once; not below IF, in a loop, or where a handler may catch an error. */
  readonly certain: boolean;
  /** Whether it is an EXECUTE in the block, of a text that is known at run time only; `node` is then the block. */
  readonly dynamic: boolean;
}

/**
 * Parses a text into statements. The statements inside a `DO` block follow it, with its comments and those above their line.
 * @throws SqlSyntaxError
 */
export async function statementsWithBlocks(sql: string): Promise<Step[]> {
  const steps: Step[] = [];
  const lines = sql.split("\n");
  for (const statement of await statementsOf(sql)) {
    steps.push({ ...statement, own: true, certain: true, dynamic: false }, ...(await inside(statement, lines)));
  }
  return steps;
}

/** The statements inside a `DO` block in PL/pgSQL. @param lines The lines of the file. */
async function inside(statement: Statement, lines: readonly string[]): Promise<Step[]> {
  if (!("DoStmt" in statement.node)) return [];
  const { body = statement.line } = statement;
  try {
    const steps: Step[] = [];
    for (const { certain, executes, line: within, query } of queries(parsePlPgSQLSync(statement.text), {
      certain: true,
    })) {
      const parsed = executes ? await executedBy(query) : await statementsOf(query);
      const line = body + within - 1;
      const comments = [statement.comments, ...commentsAbove(lines, line)].join("\n");
      for (const { node, text } of parsed ?? [{ ...statement, text: "" }]) {
        steps.push({ node, line, text, comments, own: false, certain, dynamic: parsed === undefined });
      }
    }
    return steps;
  } catch (error) {
    throw new SqlSyntaxError(`in this block: ${(error as Error).message}`, statement.line);
  }
}

/** The comments on the lines directly above a line. */
function commentsAbove(lines: readonly string[], line: number): string[] {
  const above = lines.slice(0, line - 1);
  return above.slice(above.findLastIndex((text) => !/^\s*--/.test(text)) + 1);
}

/** A query of a block. */
interface Query {
  readonly query: string;
  /** In the block's body, from 1. */
  readonly line: number;
  /** Whether it is the expression whose text EXECUTE runs. */
  readonly executes: boolean;
  readonly certain: boolean;
}

/** What makes the statements below it uncertain. */
const BRANCH = /^PLpgSQL_stmt_(if|case|loop|while|for[a-z]*|foreach_a|dynfors)$/;

/** What leaves a block or a loop before the statements that follow. */
const LEAVES = /^PLpgSQL_stmt_(return|exit)$/;

/**
 * Statements only, not expressions, which PL/pgSQL stores in the same form.
 * @param state Whether the statements that follow always run; changes at RETURN.
 */
function* queries(tree: unknown, state: { certain: boolean }): Generator<Query> {
  if (typeof tree !== "object" || tree === null) return;
  for (const [kind, value] of Object.entries(tree) as [string, Fields | null][]) {
    const { certain } = state;
    if (kind === "PLpgSQL_stmt_commit") yield { query: "COMMIT", line: lineOf(value), executes: false, certain };
    if (kind === "PLpgSQL_stmt_rollback") yield { query: "ROLLBACK", line: lineOf(value), executes: false, certain };
    const field = QUERIES[kind];
    const query = field === undefined ? undefined : (value?.[field] as Expression | undefined)?.PLpgSQL_expr?.query;
    if (query !== undefined) yield { query, line: lineOf(value), executes: kind.includes("_dyn"), certain };
    if (LEAVES.test(kind)) state.certain = false;
    const branch = BRANCH.test(kind) || (kind === "PLpgSQL_stmt_block" && value?.exceptions !== undefined);
    yield* queries(value, branch ? { certain: false } : state);
    // RETURN or EXIT below IF leaves the block too.
    if (branch && /"PLpgSQL_stmt_(return|exit)"/.test(JSON.stringify(value))) state.certain = false;
  }
}

type Fields = Readonly<Record<string, unknown>>;

interface Expression {
  readonly PLpgSQL_expr?: { readonly query?: string };
}

/** Where the statements of a block have their query. */
const QUERIES: Readonly<Record<string, string>> = {
  PLpgSQL_stmt_execsql: "sqlstmt",
  PLpgSQL_stmt_perform: "expr",
  PLpgSQL_stmt_fors: "query",
  PLpgSQL_stmt_dynexecute: "query",
  PLpgSQL_stmt_dynfors: "query",
};

function lineOf(node: Fields | null): number {
  return Number(node?.lineno ?? 1);
}

/** Stands for what is known at run time only. */
const UNKNOWN = "unknown";

/** The statements in the text that an expression makes; undefined if too little of it is known. */
async function executedBy(expression: string): Promise<Statement[] | undefined> {
  const [select] = await statementsOf(`SELECT ${expression}`);
  const target = select && "SelectStmt" in select.node ? select.node.SelectStmt.targetList?.[0] : undefined;
  const text = target && "ResTarget" in target ? textOf(target.ResTarget.val) : UNKNOWN;
  return statementsOf(text).catch((error: unknown) => {
    if (error instanceof SqlSyntaxError) return undefined;
    throw error;
  });
}

/** The text of a constant, of `||` and of `format`. */
function textOf(node: Node | undefined): string {
  if (!node) return UNKNOWN;
  if ("A_Const" in node) return node.A_Const.sval?.sval ?? UNKNOWN;
  if ("TypeCast" in node) return textOf(node.TypeCast.arg);
  if ("A_Expr" in node && JSON.stringify(node.A_Expr.name).includes('"||"')) {
    return textOf(node.A_Expr.lexpr) + textOf(node.A_Expr.rexpr);
  }
  if (!("FuncCall" in node) || !JSON.stringify(node.FuncCall.funcname).includes('"format"')) return UNKNOWN;
  const values: Readonly<Record<string, string>> = { I: UNKNOWN, L: `'${UNKNOWN}'`, s: UNKNOWN };
  const text = textOf(node.FuncCall.args?.[0]);
  return text.replace(/%(?:\d+\$)?-?\d*([IsL%])/g, (_all, kind: string) => values[kind] ?? kind);
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
