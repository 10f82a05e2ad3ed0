import { OWNER_ROLE, SUPERUSER } from "../names.ts";
import type { Statement } from "./statements.ts";
import { dollarQuoted, quote } from "./steps.ts";

/** What an import makes before the versions, with a right that the owner's role lacks. */
export interface Provisions {
  /** Names of extensions of Cloud SQL. */
  readonly extensions?: readonly string[] | undefined;
  /** Names of schemas, which will belong to the owner's role. */
  readonly schemas?: readonly string[] | undefined;
}

/** Whether a change of the configuration declares something that may not exist yet. */
export function adds(olds: Provisions, news: Provisions): boolean {
  const newly = (before: readonly string[] = [], now: readonly string[] = []) =>
    now.some((one) => !before.includes(one));
  return newly(olds.extensions, news.extensions) || newly(olds.schemas, news.schemas);
}

/**
 * PL/pgSQL that makes what is missing; the current role is `cloudsqlsuperuser` if the login may become it. What is no longer
 * declared stays, because tables may use it.
 */
export function provide({ extensions = [], schemas = [] }: Provisions): string {
  const missing = (kind: string, names: readonly string[], found: string, create: string) => `
  FOR wanted IN SELECT name FROM unnest(ARRAY[${names.map(quote).join(", ")}]::text[]) AS name WHERE NOT EXISTS (${found}) LOOP
    IF current_user <> ${quote(SUPERUSER)} THEN
      RAISE EXCEPTION 'the ${kind} % is declared but missing, and the login may no longer create it', wanted
        USING HINT = 'Remove it from settlement:database.${kind}s, update, declare it again, and update.';
    END IF;${create}
  END LOOP;`;
  return [
    ...(extensions.length === 0
      ? []
      : [missing("extension", extensions, "SELECT FROM pg_extension WHERE extname = name", CREATE_EXTENSION)]),
    ...(schemas.length === 0
      ? []
      : [missing("schema", schemas, "SELECT FROM pg_namespace WHERE nspname = name", CREATE_SCHEMA)]),
  ].join("");
}

const CREATE_EXTENSION = `
    EXECUTE format('CREATE EXTENSION %I CASCADE', wanted);`;

/** From PostgreSQL 16, the role that created the owner's role may grant it, but not become it. */
const CREATE_SCHEMA = `
    EXECUTE format('GRANT CREATE ON DATABASE %I TO ${OWNER_ROLE}', current_database());
    SET LOCAL ROLE ${OWNER_ROLE};
    EXECUTE format('CREATE SCHEMA %I', wanted);
    SET LOCAL ROLE ${SUPERUSER};
    EXECUTE format('REVOKE CREATE ON DATABASE %I FROM ${OWNER_ROLE}', current_database());`;

/**
 * A statement of a file as an import runs it: PostgreSQL refuses CREATE SCHEMA IF NOT EXISTS without the right to create
 * schemas, even if the schema exists. CREATE EXTENSION IF NOT EXISTS needs no right then.
 */
export function asProvided(statement: Statement): Statement {
  const { node, text } = statement;
  if (!("CreateSchemaStmt" in node)) return statement;
  const { if_not_exists: maybe, schemaname } = node.CreateSchemaStmt;
  if (!maybe || schemaname === undefined) return statement;
  const body = `BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = ${quote(schemaname)}) THEN ${text}; END IF; END`;
  return { ...statement, text: `DO ${dollarQuoted(body, "schema")}` };
}
