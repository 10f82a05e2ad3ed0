import type { AlterTableCmd, Node, RangeVar } from "libpg-query";
import { coversEveryRow } from "../condition.ts";
import { type Names, stringsOf } from "../names.ts";
import { nodesOf, type Nodes } from "../nodes.ts";
import { foreignTo, wordFor } from "./contract.ts";
import { type Context, nameOf, type Remark, type Rules } from "./rule.ts";

function destructive(problem: string): Remark {
  return {
    rule: "destructive",
    problem: `${problem}; a down script cannot restore it.`,
    remedy: "If that is intended, say why above the statement: -- destructive: REASON",
  };
}

/** What a statement deletes or overwrites, except what the file itself has made. */
export const DESTRUCTIVE: Rules = {
  AlterTableStmt({ relation, cmds = [] }, { names }) {
    if (names.hasRelation(relation)) return [];
    return cmds.flatMap((node) => ("AlterTableCmd" in node ? alter(node.AlterTableCmd, relation, names) : []));
  },
  CreateStmt: ({ relation }) => unlogged(relation),
  CreateTableAsStmt: ({ into }) => unlogged(into?.rel),
  SelectStmt: ({ intoClause }) => unlogged(intoClause?.rel),
  DropStmt: drop,
  DropOwnedStmt: () => [destructive("DROP OWNED deletes tables and rows")],
  TruncateStmt({ behavior, relations = [] }, { names }) {
    if (behavior === "DROP_CASCADE") return [destructive("TRUNCATE … CASCADE deletes every row, of other tables too")];
    const own = relations.every((node) => "RangeVar" in node && names.hasRelation(node.RangeVar));
    return own ? [] : [destructive("TRUNCATE deletes every row")];
  },
  DeleteStmt: ({ relation, whereClause }, { names }) =>
    !names.hasRelation(relation) && coversEveryRow(whereClause, relation)
      ? [destructive(`DELETE ${without(whereClause)} deletes every row of ${nameOf(relation)}`)]
      : [],
  UpdateStmt({ relation, targetList = [], whereClause }, { names }) {
    const columns = targetList.map((node) => ("ResTarget" in node ? (node.ResTarget.name ?? "") : ""));
    if (columns.every((column) => names.hasPart(relation, column))) return [];
    return coversEveryRow(whereClause, relation)
      ? [destructive(`UPDATE ${without(whereClause)} changes every row of ${nameOf(relation)}`)]
      : [];
  },
  MergeStmt({ joinCondition, mergeWhenClauses = [], relation }, { names }) {
    if (names.hasRelation(relation)) return [];
    const clauses = mergeWhenClauses.flatMap((node) => ("MergeWhenClause" in node ? node.MergeWhenClause : []));
    if (clauses.some(({ commandType }) => commandType === "CMD_DELETE")) {
      return [destructive(`MERGE … DELETE deletes rows of ${nameOf(relation)}`)];
    }
    const everyRow = clauses.some(
      ({ commandType, condition, matchKind }) =>
        commandType === "CMD_UPDATE" &&
        coversEveryRow(condition, relation) &&
        (matchKind === "MERGE_WHEN_NOT_MATCHED_BY_SOURCE" || coversEveryRow(joinCondition, relation)),
    );
    return everyRow ? [destructive(`MERGE … UPDATE changes every row of ${nameOf(relation)}`)] : [];
  },
};

function without(condition: Node | undefined): string {
  return condition ? "with a WHERE that is always true" : "without WHERE";
}

function unlogged(relation: RangeVar | undefined): Remark[] {
  if (relation?.relpersistence !== "u") return [];
  return [destructive(`A crash or a failover empties ${nameOf(relation)}, which is not logged`)];
}

/** The objects that hold data. */
const HOLDERS = ["table", "schema", "sequence"];

function drop(statement: Nodes["DropStmt"], context: Context): Remark[] {
  const what = wordFor(statement.removeType, []) ?? "";
  if (foreignTo(context, statement).length === 0) return [];
  if (statement.behavior === "DROP_CASCADE") return [destructive("DROP … CASCADE deletes all dependent objects")];
  return HOLDERS.includes(what) ? [destructive(`DROP deletes what the ${what} holds`)] : [];
}

function alter(command: AlterTableCmd, relation: RangeVar | undefined, names: Names): Remark[] {
  const { behavior, def, name = "", subtype } = command;
  if (names.hasPart(relation, name)) return [];
  const cascade = behavior === "DROP_CASCADE" ? " and all dependent objects" : "";
  switch (subtype) {
    case "AT_DropColumn":
      return [destructive(`DROP COLUMN deletes what ${name} holds${cascade}`)];
    case "AT_AlterColumnType":
      return def && "ColumnDef" in def && isNarrow(def.ColumnDef)
        ? [destructive(`The new type of ${name} may hold less than the old one`)]
        : [];
    case "AT_SetUnLogged":
      return unlogged({ ...relation, relpersistence: "u" });
    default:
      return [];
  }
}

/** Types to which PostgreSQL converts by rounding or cutting, without an error. */
const NARROW = ["date", "time", "timetz", "float4", "int2"];

/** Whether a change to a type may round or cut values. */
function isNarrow({ raw_default: using, typeName }: Nodes["ColumnDef"]): boolean {
  const name = stringsOf(typeName?.names).at(-1) ?? "";
  if (NARROW.includes(name) || (name === "numeric" && typeName?.typmods)) return true;
  return using !== undefined && [...nodesOf(using)].some(([kind]) => kind === "FuncCall");
}
