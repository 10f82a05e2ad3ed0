import { asJson, catalog, differences } from "../migrations/catalog.ts";
import { directions, type Migration } from "../migrations/files.ts";
import { MigrationFileError } from "../migrations/file-error.ts";
import { executed, quote, recorded } from "../migrations/steps.ts";
import { OWNER_ROLE, VERSIONS_TABLE } from "../names.ts";
import { reachingOutside } from "./outside.ts";

/**
 * SQL that adopts manually created tables: it runs the migrations in a scratch schema, rolls them back even if a statement
 * reached a live table, and records the versions if the live objects equal those that the migrations make. Other live
 * objects are not touched.
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
  mismatch text;
  adopted text;
BEGIN
  IF EXISTS (SELECT FROM ${VERSIONS_TABLE} WHERE version IN (${versions})) THEN RETURN; END IF;
  SET LOCAL ROLE ${identifier(user)};
  BEGIN
    CREATE SCHEMA ${SCRATCH};
    SET LOCAL search_path = ${SCRATCH};
${statements.join("\n")}
    made := (${asJson(described(SCRATCH))});
    RAISE EXCEPTION SQLSTATE '${UNDO}';
  EXCEPTION WHEN SQLSTATE '${UNDO}' THEN
    IF made IS NULL THEN RAISE; END IF;
  END;
  SET LOCAL search_path = public;
  SELECT string_agg(difference, '; ') INTO mismatch FROM (${differences("made", madeBy("made"))}) differing;
  IF mismatch IS NOT NULL THEN
    RAISE EXCEPTION 'the manually created tables differ from the migrations: %', mismatch
      USING HINT = 'Change the live tables, or the migrations, until they match.';
  END IF;
  FOR adopted IN SELECT object FROM jsonb_to_recordset(made) AS one(object text, part text) WHERE part = '' LOOP
    EXECUTE format('ALTER %s OWNER TO ${OWNER_ROLE}', adopted);
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

/** What a schema contains; owners and grants change with adoption. */
function described(schema: string): string {
  return `SELECT * FROM (${catalog(schema)}) everything WHERE part <> 'owner' AND part NOT LIKE 'grant to %'`;
}

/** The live objects that the migrations make. @param made The objects that they make, as JSON. */
function madeBy(made: string): string {
  return `SELECT * FROM (${described("public")}) here
     WHERE object IN (SELECT object FROM jsonb_to_recordset(${made}) AS one(object text))`;
}

function identifier(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
