import type { RuleName } from "./catalog.ts";
import { type Nodes, nodesOf, type Step } from "./nodes.ts";
import { CONTRACT } from "./rules/contract.ts";
import { DECLARED } from "./rules/declared.ts";
import { DESTRUCTIVE } from "./rules/destructive.ts";
import { addedValue, IMPORT, usesNewValue } from "./rules/import.ts";
import { LOCKS } from "./rules/locks.ts";
import type { Context, Remark, Rules } from "./rules/rule.ts";

const ALL: readonly Rules[] = [DECLARED, IMPORT, CONTRACT, DESTRUCTIVE, LOCKS];

/** Rules about the running service: a comment `-- RULE: REASON` above a statement turns them off. */
const WAIVABLE: readonly RuleName[] = ["contract", "destructive", "locks"];

/** Rules about a version's transaction. */
const INSIDE: readonly RuleName[] = ["transaction", "outside-transaction"];

/**
 * Checks whether a statement can run in an import, and whether the running service tolerates it; the latter in the up
 * direction only.
 * @param context Gets what the statement makes, renames and drops.
 */
export function judge(step: Step, context: Context): Remark[] {
  if (step.dynamic) return [DYNAMIC];
  const nodes = [...nodesOf(step.node)];
  const remarks = usesNewValue(step.node, context);
  for (const [kind, node] of nodes) {
    if (typeof node !== "object") continue;
    for (const rules of ALL) {
      const rule = rules[kind as keyof Nodes] as ((node: unknown, context: Context) => readonly Remark[]) | undefined;
      if (rule) remarks.push(...rule(node, context));
    }
  }
  addedValue(step.node, context);
  // What CREATE SCHEMA makes is in that schema, which is the file's own.
  const followed = "CreateSchemaStmt" in step.node ? nodes.slice(0, 1) : nodes;
  for (const node of followed) context.names.follow(node, step.certain);
  return remarks.filter(({ rule }) => {
    if (INSIDE.includes(rule)) return !context.outside;
    return !WAIVABLE.includes(rule) || (context.direction === "up" && !isWaived(rule, step.comments));
  });
}

const DYNAMIC: Remark = {
  rule: "dynamic",
  problem: "The block makes a statement from text at run time, which lint cannot see.",
  remedy: "Look at it, or write the statement out.",
};

function isWaived(rule: RuleName, comments: string): boolean {
  return new RegExp(`^[ \\t]*--[ \\t]*${rule}:[ \\t]*\\S`, "m").test(comments);
}
