import type { AlterTableCmd, RangeVar } from "libpg-query";
import { textOf } from "../names.ts";
import { nameOf, type Remark, type Rules } from "./rule.ts";

/** SHARE, the weakest of PostgreSQL's lock modes that makes a write wait; the parser has their numbers. */
const SHARE = 5;

function locks(problem: string): Remark {
  return {
    rule: "locks",
    problem: `${problem}, and the service waits until all pending files are applied.`,
    remedy: "Do it in the migration job, or say why it is short above the statement: -- locks: REASON",
  };
}

/** What blocks the service, besides what squawk sees. */
export const LOCKS: Rules = {
  ClusterStmt: ({ relation }, { names }) =>
    relation && !names.hasRelation(relation) ? [locks(`CLUSTER rewrites ${nameOf(relation)} under a lock`)] : [],
  LockStmt({ mode = 0, relations = [] }, { names }) {
    const foreign = relations.find((node) => !("RangeVar" in node && names.hasRelation(node.RangeVar)));
    return mode >= SHARE && foreign && "RangeVar" in foreign
      ? [locks(`LOCK TABLE locks ${nameOf(foreign.RangeVar)}`)]
      : [];
  },
  ReindexStmt: ({ params, relation }, { names }) =>
    relation && !names.hasRelation(relation) && !JSON.stringify(params ?? []).includes('"concurrently"')
      ? [locks(`REINDEX locks ${nameOf(relation)} or its table`)]
      : [],
  RefreshMatViewStmt: ({ concurrent, relation, skipData }, { names }) =>
    concurrent || skipData || names.hasRelation(relation)
      ? []
      : [locks(`REFRESH without CONCURRENTLY locks ${nameOf(relation)}`)],
  AlterTableMoveAllStmt: () => [locks("SET TABLESPACE copies each table under a lock")],
  AlterTableStmt({ cmds = [], relation }, { names }) {
    if (names.hasRelation(relation)) return [];
    return cmds.flatMap((node) => ("AlterTableCmd" in node ? alter(node.AlterTableCmd, relation) : []));
  },
  VariableSetStmt: ({ args = [], kind, name }) =>
    name === "lock_timeout" && (kind !== "VAR_SET_VALUE" || /^0?$|^0\D/.test(durationOf(args[0]))) ? [NO_TIMEOUT] : [],
};

/** The head of every pg_dump file says so. */
const NO_TIMEOUT: Remark = {
  rule: "lock-timeout",
  problem: "Without lock_timeout, the rest of this file waits for locks without end, and the service waits behind it.",
  remedy: "Remove the statement, unless the file touches only what it makes.",
};

function durationOf(node: Parameters<typeof textOf>[0]): string {
  if (node && "A_Const" in node && node.A_Const.ival) return String(node.A_Const.ival.ival ?? 0);
  return textOf(node);
}

function alter({ subtype }: AlterTableCmd, relation: RangeVar | undefined): Remark[] {
  switch (subtype) {
    case "AT_SetTableSpace":
    case "AT_SetAccessMethod":
    case "AT_SetLogged":
    case "AT_SetUnLogged":
      return [locks(`The statement rewrites ${nameOf(relation)} under a lock`)];
    default:
      return [];
  }
}
