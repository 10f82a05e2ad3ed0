import type { Node, RangeVar, TypeName } from "libpg-query";
import type { Nodes } from "./nodes.ts";

/**
 * What shares a namespace: a table cannot have the name of an index, but a function can. `part` belongs to a table; `body` is
 * a function that may have existed, but does what the file says.
 */
export type Kind = "relation" | "type" | "function" | "body" | "schema" | "part" | "other";

/** The schema of temporary tables. */
const TEMPORARY = "pg_temp";

/** The search path of an import at a file's beginning. */
const DEFAULT_PATH: readonly string[] = ["public"];

/**
 * The objects that a file has made up to a statement, which no revision uses and whose rows the file itself wrote. Names
 * are resolved by the search path that the file has set. Whatever may have existed before is not the file's own.
 */
export class Names {
  private path = DEFAULT_PATH;
  /** As `kind schema.name`; a part as `part schema.table.name`. */
  private readonly made = new Set<string>();

  /** Whether the file has made this table, view, index or sequence. */
  hasRelation(relation: RangeVar | undefined): boolean {
    return relation !== undefined && this.has("relation", [relation.schemaname ?? "", relation.relname ?? ""]);
  }

  /** Whether the file has made this column, constraint, trigger, policy or rule, or the whole table. */
  hasPart(relation: RangeVar | undefined, name: string): boolean {
    if (!relation) return false;
    return this.has("part", [relation.schemaname ?? "", relation.relname ?? "", name]);
  }

  /**
   * Whether the file has made an object.
   * @param parts Its name: schema, if any, and name; for a part schema, if any, table and name; for a function the last part
   * ends with its argument types, or has none of these.
   */
  has(kind: Kind, parts: readonly string[]): boolean {
    const key = this.key(kind, parts);
    if (this.made.has(key)) return true;
    if ((kind === "function" || kind === "body") && !key.endsWith(")"))
      return [...this.made].some((one) => one.startsWith(`${key}(`));
    if (kind === "part" && this.made.has(`relation ${key.slice("part ".length, key.lastIndexOf("."))}`)) return true;
    return kind !== "schema" && this.made.has(`schema ${key.slice(key.indexOf(" ") + 1, key.indexOf("."))}`);
  }

  /** Whether a statement concerns only a table that the file has made, or an index of its own. */
  concernsOwn(node: Node): boolean {
    if ("IndexStmt" in node) return this.hasRelation(node.IndexStmt.relation);
    if ("AlterTableStmt" in node) return this.hasRelation(node.AlterTableStmt.relation);
    if (!("DropStmt" in node)) return false;
    const { objects = [], removeType } = node.DropStmt;
    return objects.every((object) => this.has(kindOf(removeType), objectParts(object)));
  }

  /** Follows what a node of a statement makes, renames, moves and drops. @param certain Whether the statement always runs. */
  follow([name, node]: readonly [string, unknown], certain: boolean): void {
    const step = FOLLOW[name as keyof Nodes] as ((node: unknown, names: Steps) => void) | undefined;
    if (!step || typeof node !== "object") return;
    step(node, {
      make: (kind, parts) => {
        if (certain) this.made.add(this.key(kind, parts));
      },
      move: (kind, parts, change) => {
        const key = this.key(kind, parts);
        const to = this.key(kind, change(key.slice(key.indexOf(" ") + 1).split(".")));
        for (const one of this.take(kind, key)) {
          const rest = bare(one).slice(bare(key).length);
          if (certain) this.made.add(`${one.slice(0, one.indexOf(" "))} ${bare(to)}${rest}`);
        }
      },
      drop: (kind, parts) => this.take(kind, this.key(kind, parts)),
      forget: () => {
        this.made.clear();
      },
      search: (path) => {
        this.path = path ?? DEFAULT_PATH;
      },
    });
  }

  /** Removes an object and its parts, and returns their keys. */
  private take(kind: Kind, key: string): string[] {
    const within = kind === "schema" ? `${bare(key)}.` : kind === "relation" ? `${bare(key)}.` : undefined;
    const keys = [...this.made].filter(
      (one) =>
        one === key ||
        (kind === "function" && !key.endsWith(")") && one.startsWith(`${key}(`)) ||
        (within !== undefined && bare(one).startsWith(within) && (kind === "schema" || one.startsWith("part "))),
    );
    for (const one of keys) this.made.delete(one);
    return keys;
  }

  private key(kind: Kind, parts: readonly string[]): string {
    if (kind === "schema") return `schema ${parts.at(-1) ?? ""}`;
    const own = kind === "part" ? 2 : 1;
    const schema = parts.at(-own - 1) ?? "";
    const name = parts.slice(-own).join(".");
    return `${kind} ${schema === "" ? this.schemaOf(kind, name) : temporary(schema)}.${name}`;
  }

  /** The schema of a name without one: a temporary table hides others, then the first schema of the path has it. */
  private schemaOf(kind: Kind, name: string): string {
    const relation = kind === "part" ? name.slice(0, name.indexOf(".")) : name;
    const hides = kind !== "function" && !this.path.includes(TEMPORARY);
    if (hides && this.made.has(`${kind === "part" ? "relation" : kind} ${TEMPORARY}.${relation}`)) return TEMPORARY;
    return this.path.find((schema) => schema !== "$user") ?? "";
  }
}

/** What a statement does to names. */
interface Steps {
  readonly make: (kind: Kind, parts: readonly string[]) => void;
  readonly drop: (kind: Kind, parts: readonly string[]) => void;
  readonly move: (kind: Kind, parts: readonly string[], change: (parts: readonly string[]) => string[]) => void;
  /** Forgets all, where what was made may have been undone. */
  readonly forget: () => void;
  /** Sets the search path; undefined resets it. */
  readonly search: (path: readonly string[] | undefined) => void;
}

const FOLLOW: { readonly [K in keyof Nodes]?: (node: Nodes[K], steps: Steps) => void } = {
  CreateStmt({ relation, if_not_exists: maybe, tableElts = [] }, { make }) {
    if (!relation || maybe) return;
    make("relation", partsOf(relation));
    for (const element of tableElts) {
      const column = "ColumnDef" in element ? element.ColumnDef : undefined;
      const type = stringsOf(column?.typeName?.names).at(-1) ?? "";
      const identity = column?.constraints?.some(
        (it) => "Constraint" in it && it.Constraint.contype === "CONSTR_IDENTITY",
      );
      if (!column || !(identity || type.includes("serial"))) continue;
      const [schema = "", table = ""] = partsOf(relation);
      make("relation", [schema, `${table}_${column.colname ?? ""}_seq`]);
    }
  },
  CreateForeignTableStmt({ base }, { make }) {
    if (base?.relation && !base.if_not_exists) make("relation", partsOf(base.relation));
  },
  CreateTableAsStmt({ into, if_not_exists: maybe }, { make }) {
    if (into?.rel && !maybe) make("relation", partsOf(into.rel));
  },
  SelectStmt({ intoClause }, { make }) {
    if (intoClause?.rel) make("relation", partsOf(intoClause.rel));
  },
  ViewStmt({ view, replace }, { make }) {
    if (view && !replace) make("relation", partsOf(view));
  },
  CreateSeqStmt({ sequence, if_not_exists: maybe }, { make }) {
    if (sequence && !maybe) make("relation", partsOf(sequence));
  },
  IndexStmt({ idxname, if_not_exists: maybe, relation }, { make }) {
    if (idxname !== undefined && !maybe) make("relation", [partsOf(relation)[0] ?? "", idxname]);
  },
  CompositeTypeStmt({ typevar }, { make }) {
    if (typevar) make("type", partsOf(typevar));
  },
  CreateEnumStmt: ({ typeName }, { make }) => {
    make("type", stringsOf(typeName));
  },
  CreateRangeStmt: ({ typeName }, { make }) => {
    make("type", stringsOf(typeName));
  },
  CreateDomainStmt: ({ domainname }, { make }) => {
    make("type", stringsOf(domainname));
  },
  CreateFunctionStmt({ funcname, parameters = [], replace }, { make }) {
    const types = parameters.flatMap((node) => {
      const { argType, mode } = "FunctionParameter" in node ? node.FunctionParameter : {};
      return mode === "FUNC_PARAM_OUT" || mode === "FUNC_PARAM_TABLE" ? [] : [argType];
    });
    const parts = withTypes(stringsOf(funcname), types);
    make("body", parts);
    if (!replace) make("function", parts);
  },
  CreateSchemaStmt({ schemaname, if_not_exists: maybe }, { make }) {
    if (schemaname !== undefined && !maybe) make("schema", [schemaname]);
  },
  CreateTrigStmt({ relation, replace, trigname = "" }, { make }) {
    if (!replace) make("part", [...partsOf(relation), trigname]);
  },
  CreatePolicyStmt: ({ table, policy_name: policy = "" }, { make }) => {
    make("part", [...partsOf(table), policy]);
  },
  RuleStmt({ relation, replace, rulename = "" }, { make }) {
    if (!replace) make("part", [...partsOf(relation), rulename]);
  },
  AlterTableStmt({ relation, cmds = [] }, { drop, make }) {
    for (const node of cmds) {
      const { subtype, def, name = "", missing_ok: maybe } = "AlterTableCmd" in node ? node.AlterTableCmd : {};
      const parts = (name: string) => [...partsOf(relation), name];
      if (subtype === "AT_AddColumn" && def && "ColumnDef" in def && !maybe)
        make("part", parts(def.ColumnDef.colname ?? ""));
      if (subtype === "AT_AddConstraint" && def && "Constraint" in def && def.Constraint.conname !== undefined) {
        make("part", parts(def.Constraint.conname));
      }
      if (subtype === "AT_DropColumn" || subtype === "AT_DropConstraint") drop("part", parts(name));
    }
  },
  DropStmt({ objects = [], removeType }, { drop }) {
    for (const object of objects) drop(kindOf(removeType), objectParts(object));
  },
  RenameStmt(node, { move }) {
    move(kindOf(node.renameType), alteredParts(node), (parts) => [
      ...parts.slice(0, -1),
      `${node.newname ?? ""}${/\(.*/.exec(parts.at(-1) ?? "")?.[0] ?? ""}`,
    ]);
  },
  AlterObjectSchemaStmt(node, { move }) {
    const { newschema = "", objectType } = node;
    move(kindOf(objectType), alteredParts(node), (parts) => [newschema, ...parts.slice(-1)]);
  },
  TransactionStmt({ kind }, { forget }) {
    if (kind === "TRANS_STMT_ROLLBACK" || kind === "TRANS_STMT_ROLLBACK_TO") forget();
  },
  VariableSetStmt({ args = [], kind, name }, { search }) {
    if (kind === "VAR_RESET_ALL") search(undefined);
    if (name === "search_path") search(kind === "VAR_SET_VALUE" ? args.map(textOf) : undefined);
  },
  FuncCall({ args = [], funcname }, { search }) {
    if (stringsOf(funcname).at(-1) !== "set_config" || !args[0] || textOf(args[0]) !== "search_path") return;
    search(
      textOf(args[1])
        .split(",")
        .map((part) => part.trim().replace(/^"(.*)"$/, "$1")),
    );
  },
};

/** Kinds of objects, as the parser names them, by namespace. */
const KINDS: Readonly<Record<Exclude<Kind, "other" | "body">, readonly string[]>> = {
  relation: ["TABLE", "FOREIGN_TABLE", "VIEW", "MATVIEW", "SEQUENCE", "INDEX"],
  type: ["TYPE", "DOMAIN"],
  function: ["FUNCTION", "PROCEDURE", "ROUTINE", "AGGREGATE"],
  schema: ["SCHEMA"],
  part: ["COLUMN", "TABCONSTRAINT", "TRIGGER", "POLICY", "RULE", "ATTRIBUTE"],
};

/** The namespace of a kind of object, such as `OBJECT_TABLE`. */
export function kindOf(object = ""): Kind {
  const found = Object.entries(KINDS).find(([, names]) => names.includes(object.replace("OBJECT_", "")));
  return (found?.[0] as Kind | undefined) ?? "other";
}

/** The parts of the name of an object that a statement drops, renames, grants or comments on. */
export function objectParts(object: Node | undefined): string[] {
  if (!object) return [];
  if ("RangeVar" in object) return partsOf(object.RangeVar);
  if ("String" in object) return [object.String.sval ?? ""];
  if ("TypeName" in object) return stringsOf(object.TypeName.names);
  if ("List" in object) return stringsOf(object.List.items);
  if (!("ObjectWithArgs" in object)) return [];
  const { args_unspecified: any, objargs = [], objname } = object.ObjectWithArgs;
  const types = objargs.map((node) => ("TypeName" in node ? node.TypeName : undefined));
  return any ? stringsOf(objname) : withTypes(stringsOf(objname), types);
}

/** The parts of the name of what a statement renames or moves. */
export function alteredParts(node: Nodes["RenameStmt"] | Nodes["AlterObjectSchemaStmt"]): string[] {
  const { object, relation } = node;
  const subname = "subname" in node ? node.subname : undefined;
  if (!relation) return object ? objectParts(object) : [subname ?? ""];
  return [...partsOf(relation), ...(subname === undefined ? [] : [subname])];
}

/** The strings of a list of nodes. */
export function stringsOf(nodes: readonly Node[] = []): string[] {
  return nodes.map((node) => ("String" in node ? (node.String.sval ?? "") : ""));
}

/** The text of a string constant; empty for anything else. */
export function textOf(node: Node | undefined): string {
  return node && "A_Const" in node ? (node.A_Const.sval?.sval ?? "") : "";
}

/** Schema, empty if not given, and name. */
export function partsOf({ schemaname = "", relname = "", relpersistence }: RangeVar = {}): string[] {
  return [schemaname === "" && relpersistence === "t" ? TEMPORARY : schemaname, relname];
}

/** Other sessions' temporary schemas, which have numbers, cannot be used. */
function temporary(schema: string): string {
  return /^pg_temp(_\d+)?$/.test(schema) ? TEMPORARY : schema;
}

function withTypes(parts: readonly string[], types: readonly (TypeName | undefined)[]): string[] {
  const names = types.map((type) => `${stringsOf(type?.names).at(-1) ?? ""}${type?.arrayBounds ? "[]" : ""}`);
  return [...parts.slice(0, -1), `${parts.at(-1) ?? ""}(${names.join()})`];
}

/** A key without its kind. */
function bare(key: string): string {
  return key.slice(key.indexOf(" ") + 1);
}
