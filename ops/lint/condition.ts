import type { Node, RangeVar } from "libpg-query";
import { isDeepStrictEqual } from "node:util";
import { nodesOf, type Nodes } from "./nodes.ts";
import { stringsOf } from "./names.ts";

/**
 * Whether a DELETE or UPDATE may affect every row: it has no condition, or one that is true for each, such as `true`,
 * `1 = 1`, `a = a`, or one that says nothing about the table's rows.
 * @param target The table.
 */
export function coversEveryRow(condition: Node | undefined, target: RangeVar | undefined): boolean {
  return condition === undefined || truth(condition, target) === true;
}

/** The value for every row; undefined if it depends on the row. NULL counts as false. */
function truth(node: Node, target: RangeVar | undefined): boolean | undefined {
  const sure = certain(node, target);
  return sure ?? (mentions(node, target) ? undefined : true);
}

function certain(node: Node, target: RangeVar | undefined): boolean | undefined {
  if ("BoolExpr" in node) return logical(node.BoolExpr, target);
  if ("A_Expr" in node) return compared(node.A_Expr);
  if ("NullTest" in node) {
    const { arg, nulltesttype: type } = node.NullTest;
    const value = constant(arg);
    return value === undefined ? undefined : (value === null) === (type === "IS_NULL");
  }
  if ("BooleanTest" in node) {
    const { arg, booltesttype: type } = node.BooleanTest;
    const value = arg && certain(arg, target);
    if (value === undefined) return undefined;
    return type === "IS_TRUE" || type === "IS_NOT_FALSE"
      ? value
      : type === "IS_FALSE" || type === "IS_NOT_TRUE"
        ? !value
        : undefined;
  }
  const value = constant(node);
  if (value === undefined) return undefined;
  return typeof value === "string" ? /^\s*(t|true|y|yes|on|1)\s*$/i.test(value) : Boolean(value);
}

function logical({ args = [], boolop }: Nodes["BoolExpr"], target: RangeVar | undefined): boolean | undefined {
  const values = args.map((arg) => truth(arg, target));
  if (boolop === "NOT_EXPR") return values[0] === undefined ? undefined : !values[0];
  const [wins, other] = boolop === "OR_EXPR" ? [true, false] : [false, true];
  if (values.includes(wins)) return wins;
  if (values.every((value) => value === other)) return other;
  return boolop === "OR_EXPR" && args.some((one) => args.some((two) => excludeEachOther(one, two))) ? true : undefined;
}

/** `a IS NULL` and `a IS NOT NULL`. */
function excludeEachOther(one: Node, two: Node): boolean {
  if (!("NullTest" in one) || !("NullTest" in two)) return false;
  return one.NullTest.nulltesttype !== two.NullTest.nulltesttype && same(one.NullTest.arg, two.NullTest.arg);
}

function compared({ kind, lexpr, name = [], rexpr }: Nodes["A_Expr"]): boolean | undefined {
  const operator = stringsOf(name)[0] ?? "";
  const [left, right] = [constant(lexpr), constant(rexpr)];
  if (kind === "AEXPR_LIKE" || kind === "AEXPR_ILIKE") {
    return operator.startsWith("!") || typeof right !== "string" || !/^%+$/.test(right) ? undefined : true;
  }
  if (kind !== "AEXPR_OP" && kind !== "AEXPR_NOT_DISTINCT" && kind !== "AEXPR_DISTINCT") return undefined;
  const equal = ["=", "<=", ">="].includes(operator) && kind !== "AEXPR_DISTINCT";
  if (lexpr && rexpr && left === undefined && right === undefined && same(lexpr, rexpr)) return equal || undefined;
  if (left === undefined || right === undefined) return undefined;
  if (kind === "AEXPR_NOT_DISTINCT") return left === right;
  if (kind === "AEXPR_DISTINCT") return left !== right;
  if (left === null || right === null) return false;
  switch (operator) {
    case "=":
      return left === right;
    case "<>":
      return left !== right;
    case "<":
      return left < right;
    case "<=":
      return left <= right;
    case ">":
      return left > right;
    case ">=":
      return left >= right;
    default:
      return undefined;
  }
}

/** The value of a constant; undefined for anything else. */
function constant(node: Node | undefined): string | number | boolean | null | undefined {
  if (!node) return undefined;
  if ("TypeCast" in node) return constant(node.TypeCast.arg);
  if (!("A_Const" in node)) return undefined;
  const { boolval, fval, isnull, ival, sval } = node.A_Const;
  if (isnull) return null;
  if (boolval) return boolval.boolval ?? false;
  if (ival) return ival.ival ?? 0;
  if (fval) return Number(fval.fval);
  return sval?.sval;
}

/** Whether an expression may name a column of the table, or a variable. */
function mentions(node: Node, target: RangeVar | undefined): boolean {
  const table = target?.alias?.aliasname ?? target?.relname;
  for (const [kind, value] of nodesOf(node)) {
    if (kind === "ParamRef" || kind === "CurrentOfExpr") return true;
    if (kind !== "ColumnRef") continue;
    const fields = stringsOf((value as Nodes["ColumnRef"]).fields);
    if (fields.length < 2 || fields.at(-2) === table) return true;
  }
  return false;
}

function same(one: unknown, two: unknown): boolean {
  return isDeepStrictEqual(withoutPlaces(one), withoutPlaces(two));
}

function withoutPlaces(tree: unknown): unknown {
  return JSON.parse(JSON.stringify(tree, (key, value: unknown) => (key === "location" ? undefined : value))) as unknown;
}
