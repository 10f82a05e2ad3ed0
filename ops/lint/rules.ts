import type { AlterTableCmd, ColumnDef, Node, RangeVar } from "libpg-query";
import type { Statement } from "../../infra/migrations/statements.ts";
import { type Nodes, nodesOf } from "./nodes.ts";

/** A rule's objection to a statement. */
export interface Remark {
  readonly rule: "transaction" | "outside-transaction" | "contract" | "destructive" | "copy";
  readonly problem: string;
  readonly remedy: string;
}

/** What rules know besides the statement. */
export interface Context {
  readonly direction: "up" | "down";
  /** Whether the file runs outside a transaction. */
  readonly outside: boolean;
  /** Tables and views that the file has created so far, as `schema.name`; no revision uses them yet. */
  readonly made: Set<string>;
}

/**
 * Checks whether a statement can run in an import, and whether the running service tolerates it. `contract` and
 * `destructive` apply to the up direction only; a comment `-- contract: REASON` or `-- destructive: REASON` above the
 * statement turns them off.
 * @param context Gets the tables and views that the statement creates.
 */
export function judge(statement: Statement, context: Context): Remark[] {
  const remarks: Remark[] = [];
  for (const [kind, node] of nodesOf(statement.node)) {
    const rule = RULES[kind as keyof Nodes] as ((node: unknown, context: Context) => Remark[]) | undefined;
    if (rule && typeof node === "object") remarks.push(...rule(node, context));
  }
  return remarks.filter(({ rule }) => {
    if (rule === "outside-transaction" || rule === "transaction") return !context.outside;
    if (rule !== "contract" && rule !== "destructive") return true;
    return (
      context.direction === "up" && !new RegExp(`^[ \\t]*--[ \\t]*${rule}:[ \\t]*\\S`, "m").test(statement.comments)
    );
  });
}

function contract(problem: string): Remark {
  return {
    rule: "contract",
    problem: `${problem}, and the running revision may need it.`,
    remedy: "First deploy a revision that does not need it, then say so above the statement: -- contract: REASON",
  };
}

function destructive(problem: string): Remark {
  return {
    rule: "destructive",
    problem: `${problem}; a down script cannot restore it.`,
    remedy: "If that is intended, say why above the statement: -- destructive: REASON",
  };
}

function outside(statement: string): Remark {
  return {
    rule: "outside-transaction",
    problem: `${statement} cannot run in a transaction, and an import is one.`,
    remedy: "Run it in the migration job: see docs/CLOUD_SQL_MIGRATION_GUIDE.md.",
  };
}

/** The rules by kind of node, as PostgreSQL's parser names it. */
const RULES: { readonly [Kind in keyof Nodes]?: (node: Nodes[Kind], context: Context) => Remark[] } = {
  TransactionStmt: () => [
    {
      rule: "transaction",
      problem: "The file begins or ends a transaction, but all pending files are one transaction.",
      remedy: "Remove the statement; if a file fails, all of them are rolled back.",
    },
  ],
  CopyStmt: ({ is_from: from, filename }) => (from && filename === undefined ? [COPY_FROM_STDIN] : []),

  CreateStmt: ({ relation, if_not_exists: maybe }, { made }) => make(made, maybe ? undefined : relation),
  CreateTableAsStmt: ({ into, if_not_exists: maybe }, { made }) => make(made, maybe ? undefined : into?.rel),
  ViewStmt: ({ view, replace }, { made }) => make(made, replace ? undefined : view),

  IndexStmt: ({ concurrent }) => (concurrent ? [outside("CREATE INDEX CONCURRENTLY")] : []),
  ReindexStmt: (node) => (reindexesApart(node) ? [outside("This REINDEX")] : []),
  VacuumStmt: ({ is_vacuumcmd: vacuum }) => (vacuum ? [outside("VACUUM")] : []),
  ClusterStmt: ({ relation }) => (relation ? [] : [outside("CLUSTER of all tables")]),
  DiscardStmt: ({ target }) => (target === "DISCARD_ALL" ? [outside("DISCARD ALL")] : []),
  AlterSystemStmt: () => [outside("ALTER SYSTEM")],
  CreatedbStmt: () => [outside("CREATE DATABASE")],
  DropdbStmt: () => [outside("DROP DATABASE")],
  AlterDatabaseStmt: ({ options }) =>
    JSON.stringify(options).includes(`"tablespace"`) ? [outside("SET TABLESPACE")] : [],
  CreateTableSpaceStmt: () => [outside("CREATE TABLESPACE")],
  DropTableSpaceStmt: () => [outside("DROP TABLESPACE")],
  CreateSubscriptionStmt: () => [outside("CREATE SUBSCRIPTION")],
  DropSubscriptionStmt: () => [outside("DROP SUBSCRIPTION")],

  AlterTableStmt: alterTable,
  DropStmt: drop,
  DropOwnedStmt: () => [contract("What a role owns is dropped"), destructive("DROP OWNED deletes tables and rows")],
  RenameStmt: rename,
  AlterObjectSchemaStmt: () => [contract("A name moves to another schema")],
  GrantStmt: ({ is_grant: grant }) => (grant ? [] : [contract("A privilege is revoked")]),
  TruncateStmt: ({ relations }, { made }) =>
    relations?.every((node) => "RangeVar" in node && made.has(nameOf(node.RangeVar)))
      ? []
      : [destructive("TRUNCATE deletes every row")],
  DeleteStmt: ({ relation, whereClause }, { made }) =>
    whereClause || made.has(nameOf(relation)) ? [] : [destructive("DELETE without WHERE deletes every row")],
  UpdateStmt: ({ relation, whereClause }, { made }) =>
    whereClause || made.has(nameOf(relation)) ? [] : [destructive("UPDATE without WHERE changes every row")],
};

export const COPY_FROM_STDIN: Remark = {
  rule: "copy",
  problem: "COPY FROM STDIN reads rows from the client, and neither an import nor dbmate sends any.",
  remedy: "Use INSERT.",
};

/** Called without a relation if the statement may find an existing one, which is not the file's own. */
function make(made: Set<string>, relation: RangeVar | undefined): Remark[] {
  if (relation) made.add(nameOf(relation));
  return [];
}

function nameOf({ schemaname = "public", relname = "" }: RangeVar = {}): string {
  return `${schemaname}.${relname}`;
}

function reindexesApart({ kind, params }: Nodes["ReindexStmt"]): boolean {
  const option = params
    ?.map((node) => ("DefElem" in node ? node.DefElem : {}))
    .find((it) => it.defname === "concurrently");
  const off = option?.arg && /false|off|"ival":0|"ival":\{\}/.test(JSON.stringify(option.arg));
  if (option && !off) return true;
  return kind !== "REINDEX_OBJECT_INDEX" && kind !== "REINDEX_OBJECT_TABLE";
}

/** The objects that the service can use by name, in plain words. */
const USED: Readonly<Record<string, string>> = {
  OBJECT_TABLE: "table",
  OBJECT_FOREIGN_TABLE: "table",
  OBJECT_VIEW: "view",
  OBJECT_MATVIEW: "view",
  OBJECT_COLUMN: "column",
  OBJECT_SEQUENCE: "sequence",
  OBJECT_TYPE: "type",
  OBJECT_DOMAIN: "type",
  OBJECT_FUNCTION: "function",
  OBJECT_PROCEDURE: "procedure",
  OBJECT_ROUTINE: "function",
  OBJECT_SCHEMA: "schema",
  OBJECT_EXTENSION: "extension",
};

/** The objects that hold data. */
const HOLDERS = ["table", "schema", "sequence"];

function drop(statement: Nodes["DropStmt"], { made }: Context): Remark[] {
  const { removeType = "OBJECT_TABLE", objects = [], behavior, concurrent } = statement;
  if (concurrent) return [outside("DROP INDEX CONCURRENTLY")];
  if (objects.every((node) => made.has(droppedName(node)))) return [];
  const what = USED[removeType];
  const remarks = what === undefined ? [] : [contract(`A ${what} is dropped`)];
  const cascade = behavior === "DROP_CASCADE";
  if (what !== undefined && (cascade || HOLDERS.includes(what))) {
    remarks.push(
      destructive(cascade ? "DROP … CASCADE deletes all dependent objects" : `DROP deletes what the ${what} holds`),
    );
  }
  return remarks;
}

function droppedName(node: Node): string {
  const parts = "List" in node ? (node.List.items ?? []) : [node];
  const [relname, schemaname] = parts.map((part) => ("String" in part ? part.String.sval : undefined)).reverse();
  return nameOf({ ...(relname !== undefined && { relname }), ...(schemaname !== undefined && { schemaname }) });
}

function rename({ renameType = "OBJECT_TABLE", relation }: Nodes["RenameStmt"], { made }: Context): Remark[] {
  const what = USED[renameType];
  return what === undefined || made.has(nameOf(relation)) ? [] : [contract(`A ${what} is renamed`)];
}

function alterTable({ relation, cmds = [] }: Nodes["AlterTableStmt"], { made }: Context): Remark[] {
  if (made.has(nameOf(relation))) return [];
  return cmds.flatMap((node) => ("AlterTableCmd" in node ? alter(node.AlterTableCmd) : []));
}

function alter({ subtype, name = "", def, behavior }: AlterTableCmd): Remark[] {
  switch (subtype) {
    case "AT_AddColumn":
      return def && "ColumnDef" in def && isRequired(def.ColumnDef) ? [required(def.ColumnDef)] : [];
    case "AT_DropColumn":
      return [
        contract(`The column ${name} is dropped`),
        destructive(
          `DROP COLUMN deletes what ${name} holds${behavior === "DROP_CASCADE" ? " and all dependent objects" : ""}`,
        ),
      ];
    case "AT_AlterColumnType":
      return [contract(`The column ${name} gets another type`)];
    case "AT_SetNotNull":
      return [contract(`The column ${name} refuses NULL from now on`)];
    case "AT_ColumnDefault":
      return def ? [] : [contract(`The column ${name} loses its default`)];
    case "AT_DetachPartition":
      return def && "PartitionCmd" in def && def.PartitionCmd.concurrent
        ? [outside("DETACH PARTITION CONCURRENTLY")]
        : [];
    default:
      return [];
  }
}

function required({ colname = "" }: ColumnDef): Remark {
  const problem = `The new column ${colname} is required, and the running revision does not know it.`;
  return { rule: "contract", problem, remedy: "Give it a default, or add it without NOT NULL first." };
}

/** Whether an INSERT without the column fails. */
function isRequired({ constraints = [] }: ColumnDef): boolean {
  const types = constraints.map((node) => ("Constraint" in node ? node.Constraint.contype : undefined));
  const filled = ["CONSTR_DEFAULT", "CONSTR_IDENTITY", "CONSTR_GENERATED"] as const;
  return (
    (types.includes("CONSTR_NOTNULL") || types.includes("CONSTR_PRIMARY")) && !filled.some((it) => types.includes(it))
  );
}
