import type { AlterTableCmd, ColumnDef, Constraint, Node, RangeVar } from "libpg-query";
import { alteredParts, kindOf, objectParts, stringsOf } from "../names.ts";
import { type Nodes, nodesOf } from "../nodes.ts";
import { type Context, nameOf, type Remark, type Rules } from "./rule.ts";

function contract(problem: string): Remark {
  return {
    rule: "contract",
    problem: `${problem}, and the running revision may need it.`,
    remedy: "First deploy a revision that does not need it, then say so above the statement: -- contract: REASON",
  };
}

/** As {@link contract}, for a statement that refuses or changes what the revision reads or writes. */
function refuses(problem: string): Remark {
  return {
    rule: "contract",
    problem: `${problem}, and the running revision may not expect it.`,
    remedy: "First deploy a revision that does, then say so above the statement: -- contract: REASON",
  };
}

/** What the running revision may need and a statement takes away or forbids. */
export const CONTRACT: Rules = {
  AlterTableStmt({ relation, cmds = [] }, { names }) {
    if (names.hasRelation(relation)) return [];
    return cmds.flatMap((node) => ("AlterTableCmd" in node ? alter(node.AlterTableCmd, relation, names) : []));
  },
  IndexStmt: ({ relation, unique }, { names }) =>
    unique && !names.hasRelation(relation) ? [refuses(`${nameOf(relation)} refuses duplicates from now on`)] : [],
  DropStmt: drop,
  DropOwnedStmt: () => [contract("What a role owns is dropped")],
  DropRoleStmt: () => [contract("A role is dropped")],
  RenameStmt: rename,
  AlterEnumStmt: ({ newVal = "", oldVal, typeName = [] }, { names }) =>
    oldVal === undefined || names.has("type", objectParts({ List: { items: typeName } }))
      ? []
      : [contract(`The enum value '${oldVal}' is renamed to '${newVal}'`)],
  AlterDomainStmt({ subtype, typeName = [] }, { names }) {
    if (names.has("type", objectParts({ List: { items: typeName } }))) return [];
    if (subtype === "C" || subtype === "O") return [refuses("A domain refuses values from now on")];
    return subtype === "T" ? [contract("A domain loses or changes its default")] : [];
  },
  AlterObjectSchemaStmt: (statement, { names }) =>
    names.has(kindOf(statement.objectType), alteredParts(statement))
      ? []
      : [contract("A name moves to another schema")],
  GrantStmt: revoke,
  GrantRoleStmt: ({ is_grant: grant }) => (grant ? [] : [contract("A membership is revoked")]),
  CreatePolicyStmt: ({ permissive, table }, { names }) =>
    permissive || names.hasRelation(table) ? [] : [refuses(`A policy hides rows of ${nameOf(table)}`)],
  AlterPolicyStmt: ({ policy_name: policy = "", table }, { names }) =>
    names.hasPart(table, policy) ? [] : [refuses(`The policy ${policy} of ${nameOf(table)} changes`)],
  RuleStmt: ({ event, relation, rulename = "" }, { names }) =>
    names.hasRelation(relation) || event === "CMD_SELECT"
      ? []
      : [refuses(`The rule ${rulename} changes what a statement on ${nameOf(relation)} does`)],
  CreateTrigStmt: ({ isconstraint: constraint, relation, trigname = "" }, { names }) =>
    !constraint || names.hasRelation(relation)
      ? []
      : [refuses(`The constraint trigger ${trigname} may refuse rows of ${nameOf(relation)}`)],
  AlterSeqStmt: ({ options = [], sequence }, { names }) =>
    !names.hasRelation(sequence) && options.some((node) => "DefElem" in node && node.DefElem.defname === "restart")
      ? [refuses(`The sequence ${nameOf(sequence)} restarts and may return used numbers`)]
      : [],
};

function revoke(
  { grantees = [], is_grant: grant, objects = [], objtype, targtype }: Nodes["GrantStmt"],
  context: Context,
) {
  const fromPublic = grantees.every((role) => "RoleSpec" in role && role.RoleSpec.roletype === "ROLESPEC_PUBLIC");
  const own = (object: Node) => {
    const kind = kindOf(objtype);
    // A new function is PUBLIC's by default, and the service's logins own it.
    const body = kind === "function" && fromPublic && context.names.has("body", objectParts(object));
    return body || context.names.has(kind, objectParts(object));
  };
  return grant || (targtype === "ACL_TARGET_OBJECT" && objects.every(own)) ? [] : [contract("A privilege is revoked")];
}

/** What can be dropped or renamed without notice: nothing that a statement of the service names. */
const UNUSED = ["INDEX", "STATISTIC_EXT"];

/** What can be renamed without notice, besides. */
const NAMELESS = [...UNUSED, "TABCONSTRAINT", "DOMCONSTRAINT", "TRIGGER", "POLICY", "RULE"];

/** Kinds of objects in plain words, where the parser's name is none. */
const WORDS: Readonly<Record<string, string>> = {
  MATVIEW: "view",
  FOREIGN_TABLE: "table",
  DOMAIN: "type",
  ROUTINE: "function",
  TABCONSTRAINT: "constraint",
};

/** A kind of object in plain words; undefined if it is in a list. @param type Such as `OBJECT_TABLE`. */
export function wordFor(type = "OBJECT_TABLE", without: readonly string[] = UNUSED): string | undefined {
  const kind = type.replace("OBJECT_", "");
  return without.includes(kind) ? undefined : (WORDS[kind] ?? kind.toLowerCase().replaceAll("_", " "));
}

/** The names that a DROP gives and that the file has not made. */
export function foreignTo({ names }: Context, { objects = [], removeType }: Nodes["DropStmt"]): Node[] {
  return objects.filter((node) => !names.has(kindOf(removeType), objectParts(node)));
}

function drop(statement: Nodes["DropStmt"], context: Context): Remark[] {
  const what = wordFor(statement.removeType);
  return what === undefined || foreignTo(context, statement).length === 0 ? [] : [contract(`A ${what} is dropped`)];
}

function rename(statement: Nodes["RenameStmt"], { names }: Context): Remark[] {
  const what = wordFor(statement.renameType, NAMELESS);
  if (what === undefined || names.has(kindOf(statement.renameType), alteredParts(statement))) return [];
  return [contract(`A ${what} is renamed`)];
}

function alter(command: AlterTableCmd, relation: RangeVar | undefined, names: Context["names"]): Remark[] {
  const { def, name = "", subtype } = command;
  const table = nameOf(relation);
  const own = names.hasPart(relation, name);
  switch (subtype) {
    case "AT_AddColumn":
      return def && "ColumnDef" in def && isRequired(def.ColumnDef) ? [required(def.ColumnDef)] : [];
    case "AT_AddConstraint":
      return def && "Constraint" in def && !concernsOnly(def.Constraint, (column) => names.hasPart(relation, column))
        ? added(def.Constraint, table)
        : [];
    case "AT_DropColumn":
      return own ? [] : [contract(`The column ${name} is dropped`)];
    case "AT_DropConstraint":
      return own ? [] : [contract(`The constraint ${name} is dropped`)];
    case "AT_AlterColumnType":
      return own ? [] : [contract(`The column ${name} gets another type`)];
    case "AT_SetNotNull":
      return [contract(`The column ${name} refuses NULL from now on`)];
    case "AT_ColumnDefault":
    case "AT_DropIdentity":
      return def || own ? [] : [contract(`The column ${name} loses its default`)];
    case "AT_AddIdentity":
    case "AT_SetIdentity":
      return own || !alwaysGenerated(def) ? [] : [refuses(`The column ${name} refuses values from now on`)];
    case "AT_SetExpression":
    case "AT_DropExpression":
      return own ? [] : [contract(`The column ${name} is computed in another way, or no more`)];
    case "AT_EnableRowSecurity":
    case "AT_ForceRowSecurity":
      return [refuses(`Policies decide from now on which rows of ${table} exist for a role`)];
    case "AT_DisableRowSecurity":
    case "AT_NoForceRowSecurity":
      return [contract(`Policies no longer hide rows of ${table}`)];
    case "AT_DisableTrig":
    case "AT_DisableTrigAll":
    case "AT_DisableTrigUser":
      return own && name !== "" ? [] : [contract(`Triggers of ${table} no longer run`)];
    case "AT_DisableRule":
      return own ? [] : [contract(`The rule ${name} of ${table} no longer applies`)];
    case "AT_DetachPartition":
    case "AT_DropInherit":
      return [contract(`Rows disappear from ${table}`)];
    default:
      return [];
  }
}

/** Whether a CHECK or foreign key is about columns alone that the running revision does not know. */
function concernsOnly(
  { fk_attrs: keys = [], raw_expr: check }: Constraint,
  isNew: (column: string) => boolean,
): boolean {
  const references = [...nodesOf(check)].filter(([kind]) => kind === "ColumnRef");
  const checked = references.map(([, node]) => stringsOf((node as Nodes["ColumnRef"]).fields).at(-1) ?? "");
  const columns = [...stringsOf(keys), ...checked];
  return columns.length > 0 && columns.every(isNew);
}

/** A constraint that existing rows need not meet still refuses new ones. */
function added({ contype, indexname }: Constraint, table: string): Remark[] {
  switch (contype) {
    case "CONSTR_CHECK":
      return [refuses(`A CHECK of ${table} refuses rows from now on`)];
    case "CONSTR_FOREIGN":
      return [refuses(`A foreign key of ${table} refuses rows from now on`)];
    case "CONSTR_NOTNULL":
      return [refuses(`A column of ${table} refuses NULL from now on`)];
    case "CONSTR_UNIQUE":
      return indexname === undefined ? [refuses(`${table} refuses duplicates from now on`)] : [];
    case "CONSTR_PRIMARY":
    case "CONSTR_EXCLUSION":
      return [refuses(`${table} refuses rows from now on`)];
    default:
      return [];
  }
}

/** Whether an identity is GENERATED ALWAYS, which refuses values; the parser has the letter `a`, or its code. */
function alwaysGenerated(def: Node | undefined): boolean {
  if (def && "Constraint" in def) return def.Constraint.generated_when === "a";
  return /"ival":97\b/.test(JSON.stringify(def ?? {}));
}

function required({ colname = "" }: ColumnDef): Remark {
  const problem = `The new column ${colname} is required, and the running revision does not know it.`;
  return { rule: "contract", problem, remedy: "Give it a default, or add it without NOT NULL first." };
}

/** Whether an INSERT without the column fails. */
function isRequired({ constraints = [], typeName }: ColumnDef): boolean {
  const types = constraints.map((node) => ("Constraint" in node ? node.Constraint.contype : undefined));
  const filled = ["CONSTR_DEFAULT", "CONSTR_IDENTITY", "CONSTR_GENERATED"] as const;
  if (
    objectParts({ List: { items: typeName?.names ?? [] } })
      .at(-1)
      ?.includes("serial")
  )
    return false;
  return (
    (types.includes("CONSTR_NOTNULL") || types.includes("CONSTR_PRIMARY")) && !filled.some((it) => types.includes(it))
  );
}
