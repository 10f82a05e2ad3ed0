import { directions, type Migration } from "../migrations/files.ts";
import { statementsIn } from "../migrations/statements.ts";

/** A statement that could reach the live tables. */
export interface Outside {
  readonly file: string;
  /** The statement's first line, from 1. */
  readonly line: number;
  /** A sentence. */
  readonly problem: string;
  /** A sentence. */
  readonly remedy: string;
}

/**
 * The statements that reach outside of the schema they run in. Adoption runs migrations in a scratch schema beside the live
 * tables, which a schema-qualified name would reach.
 * @throws MigrationFileError if a file is not SQL.
 */
export async function reachingOutside(migrations: readonly Migration[]): Promise<Outside[]> {
  const found: Outside[] = [];
  for (const { file, text } of migrations) {
    for (const { line, node } of await statementsIn(file, directions(file, text).up)) {
      const what = outside(node, 2);
      if (what === undefined) continue;
      const problem = `The statement ${what}, but adoption runs it in a scratch schema beside the live tables.`;
      found.push({ file, line, problem, remedy: "Write names without a schema, and do not change settings." });
    }
  }
  return found;
}

/** Schemas without live tables. */
const HARMLESS = ["pg_catalog", "information_schema", "pg_temp"];

/** Settings that decide how a name without a schema is resolved. */
const LOOKUP = ["search_path", "role", "session_authorization"];

/** Objects named TABLE.OBJECT, whose two-part names have no schema. */
const OF_A_TABLE = ["COLUMN", "TRIGGER", "POLICY", "RULE", "TABCONSTRAINT", "DOMCONSTRAINT"];

/** Lists of column names or texts, which look like a name of several parts. */
const PLAIN = [
  ...[
    "keys",
    "including",
    "fk_attrs",
    "pk_attrs",
    "fk_del_set_cols",
    "vals",
    "usingClause",
    "columns",
    "cols",
    "attlist",
  ],
  ...["colnames", "aliases", "aliascolnames", "ctecolnames", "search_col_list", "cycle_col_list"],
];

/** A node of PostgreSQL's syntax tree. */
type Node = Readonly<Record<string, unknown>>;

/**
 * @param qualified Least number of parts of a schema-qualified name.
 * @returns How a statement reaches outside, as the end of a sentence.
 */
function outside(node: unknown, qualified: number): string | undefined {
  if (Array.isArray(node)) return first(node, (item) => outside(item, qualified));
  if (typeof node !== "object" || node === null) return undefined;
  return first(Object.entries(node as Node), ([key, value]) => {
    if (key === "schemaname" || key === "newschema") return named(value);
    if (key === "VariableSetStmt") return setting(value as Node);
    // The arguments of a trigger are texts.
    if (key === "CreateTrigStmt") return outside({ ...(value as Node), args: undefined }, 2);
    if (key === "FuncCall") return called(value as Node) ?? outside(value, 2);
    if (key === "DefElem") return hidden(value as Node) ?? outside(value, 2);
    if (key === "ColumnRef" || PLAIN.includes(key)) return undefined;
    const parts = nameIn(value);
    if (parts !== undefined) return parts.length >= qualified ? named(parts[0]) : undefined;
    return outside(value, qualifiedIn(value, qualified));
  });
}

function first<T>(items: readonly T[], find: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

function named(schema: unknown): string | undefined {
  return typeof schema !== "string" || HARMLESS.includes(schema) ? undefined : `names the schema "${schema}"`;
}

/** Least number of parts of a schema-qualified name in this kind of statement. */
function qualifiedIn(value: unknown, otherwise: number): number {
  const { objtype, removeType, renameType } = (value ?? {}) as Node;
  const kind = [objtype, removeType, renameType].find((type) => typeof type === "string");
  if (kind === undefined) return otherwise;
  return OF_A_TABLE.some((object) => kind === `OBJECT_${object}`) ? 3 : 2;
}

/** The parts of a name, which is a list of strings. */
function nameIn(value: unknown): string[] | undefined {
  const items = Array.isArray(value) ? value : ((value as { List?: { items?: unknown[] } } | null)?.List?.items ?? []);
  const parts = items.map((item) => (item as { String?: { sval?: string } } | null)?.String?.sval);
  return parts.length > 0 && parts.every((part) => part !== undefined) ? parts : undefined;
}

function setting({ name, kind }: Node): string | undefined {
  const changes = kind === "VAR_RESET_ALL" || LOOKUP.includes(String(name));
  return changes ? `changes ${kind === "VAR_RESET_ALL" ? "all settings" : String(name)}` : undefined;
}

function called({ funcname, args }: Node): string | undefined {
  if (nameIn(funcname)?.at(-1) === "set_config") return "changes a setting";
  return first(Array.isArray(args) ? (args as unknown[]) : [], constant);
}

/** A name in a string, as in `setval('public.orders_id_seq', 1)`. */
function constant(argument: unknown): string | undefined {
  const { A_Const, TypeCast } = argument as { A_Const?: { sval?: { sval?: string } }; TypeCast?: { arg?: unknown } };
  if (TypeCast) return constant(TypeCast.arg);
  return /^"?public"?\s*\./.test(A_Const?.sval?.sval ?? "") ? named("public") : undefined;
}

/** The body of a DO block or a function, which the parser leaves as a string. */
function hidden({ defname, arg }: Node): string | undefined {
  if (defname !== "as") return undefined;
  const texts = [arg, ...((arg as { List?: { items?: unknown[] } } | undefined)?.List?.items ?? [])];
  return first(texts, (text) => {
    const body = (text as { String?: { sval?: string } } | undefined)?.String?.sval ?? "";
    return /\bpublic"?\s*\./i.test(body) ? named("public") : undefined;
  });
}
