import { directions, type Migration, MigrationFileError } from "../migrations/files.ts";
import { executed, quote, recorded } from "../migrations/steps.ts";
import { OWNER_ROLE, VERSIONS_TABLE } from "../names.ts";
import { reachingOutside } from "./outside.ts";

/**
 * Takes over tables that were made by hand: the migrations are run in a schema of their own, every column there is
 * compared with the live one, and only where all are alike the versions are recorded. Whatever the migrations did is
 * undone before the comparison, so that nothing of it stays even where a statement reached a live table.
 * @param user The login that owns the tables.
 * @throws MigrationFileError where a migration is not SQL, or reaches outside of its schema.
 */
export async function takeOver(migrations: readonly Migration[], user: string): Promise<string> {
  const [outside] = await reachingOutside(migrations);
  if (outside) {
    const { file, line, problem, remedy } = outside;
    throw new MigrationFileError(`migrations/${file}:${line}: ${problem} ${remedy}`);
  }
  const made = await Promise.all(
    migrations.map(async (migration) => executed(migration, directions(migration.file, migration.text).up)),
  );
  const versions = migrations.map(({ version }) => quote(version)).join(", ");
  return `DO $adopt$
DECLARE
  made jsonb;
  tables text[];
  odd text;
  adopted text;
BEGIN
  IF EXISTS (SELECT FROM ${VERSIONS_TABLE} WHERE version IN (${versions})) THEN RETURN; END IF;
  SET LOCAL ROLE ${identifier(user)};
  BEGIN
    CREATE SCHEMA ${SCRATCH};
    SET LOCAL search_path = ${SCRATCH};
${made.join("\n")}
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
    INTO odd FROM wanted FULL JOIN live USING (relation, name) WHERE wanted.form IS DISTINCT FROM live.form;
  IF odd IS NOT NULL THEN
    RAISE EXCEPTION 'the tables made by hand differ from the migrations: %', odd
      USING HINT = 'Change the live tables, or the migrations, until they are alike.';
  END IF;
  FOREACH adopted IN ARRAY coalesce(tables, '{}') LOOP
    EXECUTE format('ALTER TABLE public.%I OWNER TO ${OWNER_ROLE}', adopted);
  END LOOP;
  SET LOCAL ROLE ${OWNER_ROLE};
${migrations.map((migration) => `  ${recorded(migration)}`).join("\n")}
END
$adopt$;`;
}

/** The schema in which the tables of migrations are made to be compared; it is never left behind. */
const SCRATCH = "settlement_baseline";

/** An error of a class that PostgreSQL leaves to applications: it undoes what the comparison made. */
const UNDO = "SB000";

/** The columns of the tables in a schema; their types are written as seen from it. */
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
