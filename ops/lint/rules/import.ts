import type { RangeVar, RoleSpec } from "libpg-query";
import { OWNER_ROLE, VERSIONS_TABLE } from "../../../infra/names.ts";
import { objectParts, textOf } from "../names.ts";
import { nodesOf, type Nodes } from "../nodes.ts";
import type { Context, Remark, Rules } from "./rule.ts";

function outside(statement: string): Remark {
  return {
    rule: "outside-transaction",
    problem: `${statement} cannot run in a transaction, and a version is one.`,
    remedy: "Run it in the migration job: see docs/CLOUD_SQL_MIGRATION_GUIDE.md.",
  };
}

/** What fails in an import, or would change more than the schema. */
export const IMPORT: Rules = {
  TransactionStmt: ({ kind = "" }) => (SAVEPOINTS.includes(kind) ? [] : [TRANSACTION]),
  CopyStmt: copy,
  SelectStmt: ({ intoClause }) => (intoClause ? [SELECT_INTO] : []),

  IndexStmt: ({ concurrent }) => (concurrent ? [outside("CREATE INDEX CONCURRENTLY")] : []),
  DropStmt: (node) => [
    ...(node.concurrent ? [outside("DROP INDEX CONCURRENTLY")] : []),
    ...(node.objects ?? []).flatMap((object) => records(relationOf(objectParts(object)))),
  ],
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

  AlterTableStmt: ({ relation, cmds = [] }) => [
    ...records(relation),
    ...cmds.flatMap((node) => {
      const { def, newowner, subtype } = "AlterTableCmd" in node ? node.AlterTableCmd : {};
      const apart = subtype === "AT_DetachPartition" && def && "PartitionCmd" in def && def.PartitionCmd.concurrent;
      return [
        ...(apart ? [outside("DETACH PARTITION CONCURRENTLY")] : []),
        ...(subtype === "AT_ChangeOwner" ? owned(newowner) : []),
      ];
    }),
  ],
  AlterOwnerStmt: ({ newowner }) => owned(newowner),
  ReassignOwnedStmt: ({ newrole }) => owned(newrole),
  CreateSchemaStmt: ({ authrole }) => (authrole ? owned(authrole) : []),
  VariableSetStmt: ({ args = [], kind, name = "" }) =>
    kind === "VAR_RESET_ALL" ||
    ((name === "role" || name === "session_authorization") && textOf(args[0]) !== OWNER_ROLE)
      ? [OTHER_ROLE]
      : [],
  FuncCall: ({ args = [], funcname = [] }) =>
    objectParts({ List: { items: funcname } }).at(-1) === "set_config" &&
    ["role", "session_authorization"].includes(textOf(args[0])) &&
    textOf(args[1]) !== OWNER_ROLE
      ? [OTHER_ROLE]
      : [],

  InsertStmt: ({ relation }) => records(relation),
  UpdateStmt: ({ relation }) => records(relation),
  DeleteStmt: ({ relation }) => records(relation),
  MergeStmt: ({ relation }) => records(relation),
  RenameStmt: ({ relation }) => records(relation),
  TruncateStmt: ({ relations = [] }) => relations.flatMap((node) => ("RangeVar" in node ? records(node.RangeVar) : [])),
};

const SELECT_INTO: Remark = {
  rule: "select-into",
  problem: "An import cannot run SELECT INTO, although dbmate can.",
  remedy: "Write CREATE TABLE … AS SELECT.",
};

const SAVEPOINTS = ["TRANS_STMT_SAVEPOINT", "TRANS_STMT_RELEASE", "TRANS_STMT_ROLLBACK_TO"];

const TRANSACTION: Remark = {
  rule: "transaction",
  problem: "The file begins or ends a transaction, but the import runs each version in one of its own.",
  remedy: "Remove the statement; if a version fails, all of it is rolled back.",
};

/**
 * The new values of an enum that a statement uses: PostgreSQL refuses them until their transaction is over. Enums that the
 * file made itself are exempt.
 */
export function usesNewValue(node: unknown, { direction, outside: apart, values }: Context): Remark[] {
  if (direction !== "up" || apart || values.size === 0) return [];
  for (const [kind, value] of nodesOf(node)) {
    const text = kind === "sval" ? (value as { sval?: string }).sval : undefined;
    if (text !== undefined && values.has(text)) {
      return [
        {
          rule: "enum-value",
          problem: `The enum value '${text}' is new in this version, and PostgreSQL refuses it in the same transaction.`,
          remedy: "Use it in a file of its own, with a later version.",
        },
      ];
    }
  }
  return [];
}

/** Remembers the value that a statement adds to an enum. */
export function addedValue({ AlterEnumStmt: node }: Partial<Nodes>, { names, values }: Context): void {
  if (node?.newVal === undefined || node.oldVal !== undefined) return;
  if (!names.has("type", objectParts({ List: { items: node.typeName ?? [] } }))) values.add(node.newVal);
}

/** Said where the parser stops, too. */
export const COPY_FROM_STDIN: Remark = {
  rule: "copy",
  problem: "COPY FROM STDIN reads rows from the client; an import sends only those below it in text format.",
  remedy: "Use INSERT.",
};

function copy({ filename, is_from: from, is_program: program }: Nodes["CopyStmt"]): Remark[] {
  const remedy = from ? "Use INSERT." : "Remove the statement, or export the rows with another tool.";
  if (program) return [{ rule: "copy", problem: "Cloud SQL runs no program for COPY.", remedy }];
  if (filename !== undefined) return [{ rule: "copy", problem: "Cloud SQL's server has no files for COPY.", remedy }];
  if (from) return [COPY_FROM_STDIN];
  return [{ rule: "copy", problem: "COPY TO STDOUT sends rows to a client, and an import has none.", remedy }];
}

function owned(role: RoleSpec | undefined): Remark[] {
  const { rolename, roletype } = role ?? {};
  if (roletype === "ROLESPEC_CURRENT_ROLE" || roletype === "ROLESPEC_CURRENT_USER" || rolename === OWNER_ROLE)
    return [];
  return [
    {
      rule: "owner",
      problem: `The role of the import, ${OWNER_ROLE}, may not give what it owns to ${rolename ?? "the login"}.`,
      remedy: `Remove the statement: everything belongs to ${OWNER_ROLE}.`,
    },
  ];
}

const OTHER_ROLE: Remark = {
  rule: "role",
  problem: `The import returns to ${OWNER_ROLE} before the next statement, because a login must not own tables.`,
  remedy: "Remove the statement.",
};

function records({ relname, schemaname = "public" }: RangeVar = {}): Remark[] {
  if (relname !== VERSIONS_TABLE || schemaname !== "public") return [];
  return [
    {
      rule: "versions",
      problem: `The statement changes ${VERSIONS_TABLE}, in which the import records the versions.`,
      remedy: "Remove the statement.",
    },
  ];
}

function relationOf(parts: readonly string[]): RangeVar {
  const [relname, schemaname] = [...parts].reverse();
  return { ...(relname !== undefined && { relname }), ...(schemaname !== undefined && { schemaname }) };
}

function reindexesApart({ kind, params }: Nodes["ReindexStmt"]): boolean {
  const option = params
    ?.map((node) => ("DefElem" in node ? node.DefElem : {}))
    .find((it) => it.defname === "concurrently");
  const off = option?.arg && /false|off|"ival":0|"ival":\{\}/.test(JSON.stringify(option.arg));
  if (option && !off) return true;
  return kind !== "REINDEX_OBJECT_INDEX" && kind !== "REINDEX_OBJECT_TABLE";
}
