import { OWNER_ROLE, VERSIONS_TABLE } from "../names.ts";
import { takeOver } from "../adoption/baseline.ts";
import { directions, type Migration } from "./files.ts";
import { BACKUP, executed, quote, recorded } from "./steps.ts";

/** What an import is to do to a database. */
export interface Change {
  /** The versions the database is to have, in order. */
  readonly up: readonly Migration[];
  /** The versions it is to lose, in order; what it has besides these and `up` stops the import. */
  readonly down: readonly Migration[];
  /** The login that runs the import. */
  readonly user: string;
  /** The logins that work with the tables; each becomes a member of the owner's role, and of nothing else. */
  readonly logins: readonly string[];
  /**
   * The version up to which tables made by hand are taken over: instead of being run, a migration is recorded where the
   * tables are as it would make them.
   */
  readonly baseline?: string;
}

/**
 * Writes the SQL of a change: one transaction, all or none.
 *
 * What the database holds already, with the same checksum, is skipped, so that running the script a second time changes
 * nothing. It stops, changing nothing, where the database holds a version or a checksum that the change does not know.
 * An error names the file and the line.
 * @throws MigrationFileError where a file is not SQL.
 */
export async function changeScript(change: Change): Promise<string> {
  const { baseline = "", down, logins, up, user } = change;
  const newest = up.at(-1)?.version ?? "none";
  const adopted = up.filter(({ version }) => version <= baseline);
  const run = up.filter(({ version }) => version > baseline);
  return [
    `-- Brings the settlement schema to version ${newest}.`,
    "BEGIN;",
    // Whoever holds a table longer than this makes the import fail, rather than the service wait behind it.
    "SET LOCAL lock_timeout = '10s';",
    "SELECT pg_advisory_xact_lock(hashtext('settlement schema'));",
    ownership(logins),
    MAKE_VERSIONS_TABLE,
    guards([...up, ...down], newest),
    ...(await Promise.all([...down].reverse().map(stepDown))),
    ...(adopted.length > 0 ? [await takeOver(adopted, user)] : []),
    ...(await Promise.all(run.map(stepUp))),
    "COMMIT;",
    "",
  ].join("\n\n");
}

/**
 * What stands before a script, so that the versions it records name the backup that was taken before.
 * @param backup The backup's id.
 */
export function afterBackup(backup: string): string {
  return `SET ${BACKUP} = ${quote(backup)};\n`;
}

/**
 * Tables belong to a role that nobody can log in as; the logins work through their membership. Cloud SQL gives every
 * login the right to create roles and databases: what needs that right is done here, and then the right is given back.
 * Whether Google lets a login alter itself is not documented; where it does not, the API's part of it (see `importer.ts`)
 * stands.
 */
function ownership(logins: readonly string[]): string {
  const all = `ARRAY[${logins.map(quote).join(", ")}]`;
  return `DO $ownership$
DECLARE
  login name;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = ${quote(OWNER_ROLE)}) THEN
    CREATE ROLE ${OWNER_ROLE} NOLOGIN;
  END IF;
  FOREACH login IN ARRAY ${all} LOOP
    IF NOT pg_has_role(login, ${quote(OWNER_ROLE)}, 'USAGE') THEN
      EXECUTE format('GRANT ${OWNER_ROLE} TO %I', login);
    END IF;
  END LOOP;
  IF NOT has_schema_privilege(${quote(OWNER_ROLE)}, 'public', 'CREATE') THEN
    GRANT CREATE, USAGE ON SCHEMA public TO ${OWNER_ROLE};
  END IF;
  FOR login IN SELECT rolname FROM pg_roles WHERE rolname = ANY (${all}) AND (rolcreaterole OR rolcreatedb) LOOP
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pgaudit') THEN
      CREATE EXTENSION IF NOT EXISTS pgaudit;
    END IF;
    BEGIN
      SET LOCAL ROLE cloudsqlsuperuser;
      EXECUTE format('ALTER ROLE %I NOCREATEROLE NOCREATEDB', login);
    EXCEPTION WHEN insufficient_privilege THEN
      RAISE WARNING 'the login % keeps the right to create roles and databases', login;
    END;
  END LOOP;
END
$ownership$;
SET LOCAL ROLE ${OWNER_ROLE};`;
}

/** dbmate's table; it knows the first column only. */
const MAKE_VERSIONS_TABLE = `CREATE TABLE IF NOT EXISTS ${VERSIONS_TABLE} (version varchar(128) PRIMARY KEY);
ALTER TABLE ${VERSIONS_TABLE}
  ADD COLUMN IF NOT EXISTS checksum varchar(64),
  ADD COLUMN IF NOT EXISTS applied_at timestamp with time zone DEFAULT now(),
  ADD COLUMN IF NOT EXISTS backup text;`;

/**
 * Compares what the database holds with what this checkout knows. A variable holds that, and no table: whatever had a name
 * could stand in the way of a table of the migrations.
 */
function guards(known: readonly Migration[], newest: string): string {
  const versions = known.map(({ version }) => quote(version)).join(", ");
  const checksums = known.map(({ checksum }) => quote(checksum)).join(", ");
  return `DO $guards$
DECLARE
  odd record;
  versions CONSTANT text[] := ARRAY[${versions}]::text[];
  checksums CONSTANT text[] := ARRAY[${checksums}]::text[];
BEGIN
  SELECT held.version INTO odd
    FROM ${VERSIONS_TABLE} held LEFT JOIN unnest(versions, checksums) AS plan(version, checksum) USING (version)
    WHERE plan.version IS NULL ORDER BY held.version DESC LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'the database holds version %, which this checkout does not know: its newest is ${newest}', odd.version
      USING HINT = 'Deploy a checkout that has this version, or go back with: npm run migration -- rollback';
  END IF;
  SELECT held.version, held.checksum AS held, plan.checksum AS planned INTO odd
    FROM ${VERSIONS_TABLE} held JOIN unnest(versions, checksums) AS plan(version, checksum) USING (version)
    WHERE held.checksum <> plan.checksum ORDER BY held.version LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'version % was edited after it was applied: the database holds checksum %, the file has %',
      odd.version, left(odd.held, 12), left(odd.planned, 12)
      USING HINT = 'Restore the file and put the change into a new version.';
  END IF;
  -- dbmate records no checksum.
  UPDATE ${VERSIONS_TABLE} held SET checksum = plan.checksum
    FROM unnest(versions, checksums) AS plan(version, checksum) WHERE plan.version = held.version AND held.checksum IS NULL;
END
$guards$;`;
}

async function stepUp(migration: Migration): Promise<string> {
  const { up } = directions(migration.file, migration.text);
  return `DO $step$
BEGIN
  IF EXISTS (SELECT FROM ${VERSIONS_TABLE} WHERE version = ${quote(migration.version)}) THEN RETURN; END IF;
${await executed(migration, up)}
  ${recorded(migration)}
END
$step$;`;
}

async function stepDown(migration: Migration): Promise<string> {
  const { down } = directions(migration.file, migration.text);
  return `DO $step$
BEGIN
  IF NOT EXISTS (SELECT FROM ${VERSIONS_TABLE} WHERE version = ${quote(migration.version)}) THEN RETURN; END IF;
${await executed(migration, down)}
  DELETE FROM ${VERSIONS_TABLE} WHERE version = ${quote(migration.version)};
END
$step$;`;
}
