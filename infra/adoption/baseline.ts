import { directions, type Migration, MigrationFileError } from "../migrations/files.ts";
import { executed, quote, recorded } from "../migrations/steps.ts";
import { OWNER_ROLE, VERSIONS_TABLE } from "../names.ts";
import { reachingOutside } from "./outside.ts";

/**
 * SQL that adopts manually created tables: it runs the migrations in a scratch schema, rolls them back even if a statement
 * reached a live table, and records the versions if every column matches the live one.
 * @param user The login that owns the tables.
 * @throws MigrationFileError if a migration is not SQL, or reaches outside of its schema.
 */
export async function adoptTables(migrations: readonly Migration[], user: string): Promise<string> {
  const [outside] = await reachingOutside(migrations);
  if (outside) {
    const { file, line, problem, remedy } = outside;
    throw new MigrationFileError(`migrations/${file}:${line}: ${problem} ${remedy}`);
  }
  const statements = await Promise.all(
    migrations.map(async (migration) => executed(migration, directions(migration.file, migration.text).up)),
  );
  const versions = migrations.map(({ version }) => quote(version)).join(", ");
  return `DO $adopt$
DECLARE
  made jsonb;
  tables text[];
  mismatch text;
  adopted text;
BEGIN
  IF EXISTS (SELECT FROM ${VERSIONS_TABLE} WHERE version IN (${versions})) THEN RETURN; END IF;
  SET LOCAL ROLE ${identifier(user)};
  BEGIN
    CREATE SCHEMA ${SCRATCH};
    SET LOCAL search_path = ${SCRATCH};
${statements.join("\n")}
    SELECT coalesce(jsonb_agg(to_jsonb(described)), '[]') INTO made FROM (${columns(SCRATCH)}) described;
    SELECT array_agg(c.relname::text) INTO tables FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND n.nspname = '${SCRATCH}';
    RAISE EXCEPTION SQLSTATE '${UNDO}';
  EXCEPTION WHEN SQLSTATE '${UNDO}' THEN
    IF made IS NULL THEN RAISE; END IF;
  END;
  SET LOCAL search_path = public;
  WITH wanted AS (SELECT * FROM jsonb_to_recordset(made) AS one(relation text, name text, form text)),
  live AS (SELECT * FROM (${columns("public")}) described WHERE relation = ANY (tables))
  SELECT string_agg(relation || '.' || name || ' is ' || coalesce(live.form, 'missing') || ', expected '
           || coalesce(wanted.form, 'no such column'), '; ' ORDER BY relation, name)
    INTO mismatch FROM wanted FULL JOIN live USING (relation, name) WHERE wanted.form IS DISTINCT FROM live.form;
  IF mismatch IS NOT NULL THEN
    RAISE EXCEPTION 'the manually created tables differ from the migrations: %', mismatch
      USING HINT = 'Change the live tables, or the migrations, until they match.';
  END IF;
  FOREACH adopted IN ARRAY coalesce(tables, '{}') LOOP
    EXECUTE format('ALTER TABLE public.%I OWNER TO ${OWNER_ROLE}', adopted);
  END LOOP;
  SET LOCAL ROLE ${OWNER_ROLE};
${migrations.map((migration) => `  ${recorded(migration)}`).join("\n")}
END
$adopt$;`;
}

/** The scratch schema, always rolled back. */
const SCRATCH = "settlement_baseline";

/** Error code that rolls the scratch schema back, of a class free for applications. */
const UNDO = "SB000";

/** The columns of the tables in a schema; the search path decides how types are written. */
function columns(schema: string): string {
  return `SELECT c.relname::text AS relation, a.attname::text AS name,
           format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
             || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '') AS form
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
     WHERE c.relkind = 'r' AND n.nspname = '${schema}'`;
}

function identifier(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
