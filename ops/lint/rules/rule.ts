import type { RangeVar } from "libpg-query";
import type { RuleName } from "../catalog.ts";
import type { Names } from "../names.ts";
import type { Nodes } from "../nodes.ts";

/** A rule's objection to a statement. */
export interface Remark {
  readonly rule: RuleName;
  readonly problem: string;
  readonly remedy: string;
}

/** What rules know besides the statement. */
export interface Context {
  readonly direction: "up" | "down";
  /** Whether the file runs outside a transaction. */
  readonly outside: boolean;
  /** What the file has made so far. */
  readonly names: Names;
  /** The values that the file has added to existing enums so far. */
  readonly values: Set<string>;
}

/** Rules by kind of node, as PostgreSQL's parser names it. */
export type Rules = { readonly [Kind in keyof Nodes]?: (node: Nodes[Kind], context: Context) => readonly Remark[] };

/** The name of a table for a sentence. */
export function nameOf({ schemaname, relname = "" }: RangeVar = {}): string {
  return schemaname === undefined ? relname : `${schemaname}.${relname}`;
}
