import { directions, type Migration } from "../migrations/files.ts";
import { statementsIn } from "../migrations/statements.ts";

/** A statement that cannot be run for a comparison alone. */
export interface Outside {
  /** The file's name. */
  readonly file: string;
  /** The line that the statement begins on, counted from 1. */
  readonly line: number;
  /** What it does, a sentence. */
  readonly problem: string;
  /** What to do, a sentence. */
  readonly remedy: string;
}

/**
 * The statements of migrations that name what lies outside of the schema they are run in. Adoption runs migrations in a
 * schema of its own, beside the live tables: a name with a schema would reach those.
 * @throws MigrationFileError where a file is not SQL.
 */
export async function reachingOutside(migrations: readonly Migration[]): Promise<Outside[]> {
  const found: Outside[] = [];
  for (const { file, text } of migrations) {
    for (const { line, node } of await statementsIn(file, directions(file, text).up)) {
      const what = outside(node, 2);
      if (what === undefined) continue;
      const problem = `Adoption runs this beside the live tables, and the statement ${what}.`;
      found.push({ file, line, problem, remedy: REMEDY });
    }
  }
  return found;
}

const REMEDY = "Write names without their schema, and leave settings as they are.";

/** Schemas in which nothing of the live tables lies. */
const HARMLESS = ["pg_catalog", "information_schema", "pg_temp"];

/** What decides where a name without a schema is looked up, and who looks. */
const LOOKUP = ["search_path", "role", "session_authorization"];

/** Objects that are named after their table, so that a name of two parts has no schema. */
const OF_A_TABLE = ["COLUMN", "TRIGGER", "POLICY", "RULE", "TABCONSTRAINT", "DOMCONSTRAINT"];

/** What PostgreSQL's parser makes of a statement. */
type Node = Readonly<Record<string, unknown>>;

/**
 * @param qualified How many parts a name has that begins with a schema.
 * @returns What a statement does that reaches outside, as the end of a sentence.
 */
function outside(node: unknown, qualified: number): string | undefined {
  if (Array.isArray(node)) return first(node, (item) => outside(item, qualified));
  if (typeof node !== "object" || node === null) return undefined;
  return first(Object.entries(node as Node), ([key, value]) => {
    if (key === "schemaname" || key === "newschema") return named(value);
    if (key === "VariableSetStmt") return setting(value as Node);
    if (key === "FuncCall") return called(value as Node) ?? outside(value, 2);
    if (key === "DefElem") return hidden(value as Node) ?? outside(value, 2);
    if (key === "ColumnRef") return undefined;
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

/** How many parts a name has that begins with a schema, in a statement of this kind. */
function qualifiedIn(value: unknown, otherwise: number): number {
  const { objtype, removeType, renameType } = (value ?? {}) as Node;
  const kind = [objtype, removeType, renameType].find((type) => typeof type === "string");
  if (kind === undefined) return otherwise;
  return OF_A_TABLE.some((object) => kind === `OBJECT_${object}`) ? 3 : 2;
}

/** The parts of a name, where a value is one: a list of texts. */
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

/** A name in a text, as in `setval('public.orders_id_seq', 1)`. */
function constant(argument: unknown): string | undefined {
  const { A_Const, TypeCast } = argument as { A_Const?: { sval?: { sval?: string } }; TypeCast?: { arg?: unknown } };
  if (TypeCast) return constant(TypeCast.arg);
  return /^"?public"?\s*\./.test(A_Const?.sval?.sval ?? "") ? named("public") : undefined;
}

/** The body of a DO block or of a function, which the parser leaves a text. */
function hidden({ defname, arg }: Node): string | undefined {
  if (defname !== "as") return undefined;
  const texts = [arg, ...((arg as { List?: { items?: unknown[] } } | undefined)?.List?.items ?? [])];
  return first(texts, (text) => {
    const body = (text as { String?: { sval?: string } } | undefined)?.String?.sval ?? "";
    return /\bpublic"?\s*\./i.test(body) ? named("public") : undefined;
  });
}
