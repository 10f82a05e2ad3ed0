import { OWNER_ROLE, SUPERUSER } from "../names.ts";
import { adoptTables } from "../adoption/baseline.ts";
import type { Migration } from "./files.ts";
import type { PlannedMigration } from "./resource.ts";
import { provide, type Provisions } from "./provisions.ts";
import { type Repair, repaired } from "./repairs.ts";
import { recognised } from "./squash.ts";
import { BACKUP, quote, VERSIONS } from "./steps.ts";
import { inTransaction, MAKE_REPEATABLES_TABLE, repeatableSql, versionSql } from "./version.ts";

/** What an import changes in a database. */
export interface Change extends Provisions {
  /** The desired versions, in order. */
  readonly up: readonly Migration[];
  /** The versions to roll back, in order; any version not in this list, `up` or `applied` stops the import. */
  readonly down: readonly Migration[];
  /** Desired versions that the database must have, so that the script omits their SQL; see {@link MISSING}. */
  readonly applied?: readonly PlannedMigration[];
  /** The login that runs the import. */
  readonly user: string;
  /** The logins that use the tables; each becomes a member of the owner's role only. */
  readonly logins: readonly string[];
  /** The version of manually created tables: up to it, migrations are recorded if the tables match, not run. */
  readonly baseline?: string | undefined;
  /** Files that run after the versions if their text has changed, in order; none by default. */
  readonly repeatables?: readonly Migration[] | undefined;
  /** Versions that count as applied by decision; none by default. */
  readonly repairs?: readonly Repair[] | undefined;
}

/** Start of the message if a version of {@link Change.applied} is missing; nothing was changed then. */
export const MISSING = "the database lacks version";

/**
 * The SQL of a change: a transaction for the roles and guards, then one per version. It stops if the database has an unknown
 * version or checksum, and skips what is applied, so that running it again continues it. An error names the file and the line,
 * and what is applied then. Each version begins with the same role, settings and empty session, as if it ran alone.
 * @throws MigrationFileError if a file is not SQL.
 */
export async function changeScript(change: Change): Promise<string> {
  const { applied = [], baseline = "", down, logins, repeatables = [], up, user } = change;
  const all = [...applied, ...up].sort((a, b) => (a.version < b.version ? -1 : 1));
  const newest = all.at(-1)?.version ?? "none";
  const adopted = up.filter(({ version }) => version <= baseline);
  const run = up.filter(({ version }) => version > baseline);
  const adoption = async () => inTransaction(AS_OWNER, await adoptTables(adopted, user));
  return [
    `-- Brings the settlement schema to version ${newest}.`,
    LOCK,
    inTransaction(ownership(logins, change)),
    inTransaction(
      TAKE_OVER,
      AS_OWNER,
      MAKE_VERSIONS_TABLE,
      ...(repeatables.length === 0 ? [] : [MAKE_REPEATABLES_TABLE]),
      ...repaired(change.repairs, up),
      ...up.map(recognised),
      guards([...all, ...down], applied, newest),
    ),
    ...(await Promise.all([...down].reverse().map((migration) => versionSql(migration, "down")))),
    ...(adopted.length > 0 ? [await adoption()] : []),
    ...(await Promise.all(run.map((migration) => versionSql(migration, "up")))),
    ...(await Promise.all(repeatables.map(repeatableSql))),
    `SELECT pg_advisory_unlock(${KEY});`,
    "",
  ].join("\n\n");
}

/** The key of the advisory lock. */
const KEY = "hashtext('settlement schema')";

/**
 * One import at a time, across its transactions. If another session locks a table for longer than the timeout, the import fails
 * instead of blocking the service.
 */
export const LOCK = `SET lock_timeout = '10s';
DO $lock$
BEGIN
  PERFORM pg_advisory_lock(${KEY});
EXCEPTION WHEN lock_not_available THEN
  RAISE EXCEPTION 'another import is migrating this database; nothing was changed'
    USING HINT = 'Wait until it has ended, then update again.', ERRCODE = SQLSTATE;
END
$lock$;`;

/** The start of a script, so that it records the backup taken before. @param backup The backup's id. */
export function afterBackup(backup: string): string {
  return `SET ${BACKUP} = ${quote(backup)};\n`;
}

/**
 * A role without login owns the tables, and the logins are its members. Cloud SQL lets every login create roles and
 * databases: this uses that right and then drops it. The grants come from `cloudsqlsuperuser`, because from PostgreSQL 16 a
 * login that granted a role cannot lose it. If Google does not let a login alter itself, which is not documented, revoking
 * roles through the API (see `membership.ts`) still applies.
 * @param logins The logins to make members.
 */
export function ownership(logins: readonly string[], provisions: Provisions): string {
  const all = `ARRAY[${logins.map(quote).join(", ")}]`;
  return `DO $ownership$
DECLARE
  login name;
  wanted name;
  caller CONSTANT name := current_user;
BEGIN
  BEGIN
    SET LOCAL ROLE ${SUPERUSER};
  EXCEPTION WHEN insufficient_privilege THEN
    NULL; -- After the first import the logins are members of the owner's role only.
  END;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = ${quote(OWNER_ROLE)}) THEN
    CREATE ROLE ${OWNER_ROLE} NOLOGIN;
  END IF;
  FOREACH login IN ARRAY ${all} LOOP
    IF NOT pg_has_role(login, ${quote(OWNER_ROLE)}, 'USAGE') THEN
      EXECUTE format('GRANT ${OWNER_ROLE} TO %I', login);
    END IF;
  END LOOP;
  IF current_user = ${quote(SUPERUSER)} THEN
    -- The service's sessions of a login that was deleted may use nothing, even if one of its name exists again.
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE usesysid NOT IN (SELECT oid FROM pg_roles);
  END IF;
  -- Without the flag pgAudit is available, but not loaded, and cannot be created.
  IF current_setting('cloudsql.enable_pgaudit', true) = 'on' AND current_user = ${quote(SUPERUSER)} THEN
    CREATE EXTENSION IF NOT EXISTS pgaudit;
  END IF;${provide(provisions)}
  FOR login IN SELECT rolname FROM pg_roles WHERE rolname = ANY (${all}) AND (rolcreaterole OR rolcreatedb) LOOP
    BEGIN
      EXECUTE format('ALTER ROLE %I NOCREATEROLE NOCREATEDB', login);
    EXCEPTION WHEN insufficient_privilege THEN
      RAISE WARNING 'the login % keeps the right to create roles and databases', login;
    END;
  END LOOP;
  EXECUTE format('SET LOCAL ROLE %I', caller);
  IF NOT has_schema_privilege(${quote(OWNER_ROLE)}, 'public', 'CREATE') THEN
    GRANT CREATE, USAGE ON SCHEMA public TO ${OWNER_ROLE};
  END IF;
END
$ownership$;`;
}

const AS_OWNER = `SET LOCAL ROLE ${OWNER_ROLE};`;

/** What dbmate made as the login becomes the owner's. A login can do this for itself only. */
const TAKE_OVER = `DO $take$
DECLARE
  former name;
BEGIN
  SELECT pg_get_userbyid(relowner) INTO former FROM pg_class WHERE oid = to_regclass('${VERSIONS}');
  IF former = current_user AND former <> ${quote(OWNER_ROLE)} THEN
    EXECUTE format('REASSIGN OWNED BY %I TO ${OWNER_ROLE}', former);
  ELSIF former <> ${quote(OWNER_ROLE)} THEN
    RAISE EXCEPTION 'the table ${VERSIONS} belongs to %, not to ${OWNER_ROLE}', former
      USING HINT = format('As %1$s run: GRANT ${OWNER_ROLE} TO %1$I; REASSIGN OWNED BY %1$I TO ${OWNER_ROLE};', former);
  END IF;
END
$take$;`;

/** dbmate's table; dbmate uses the first column only. */
export const MAKE_VERSIONS_TABLE = `CREATE TABLE IF NOT EXISTS ${VERSIONS} (version varchar(128) PRIMARY KEY);
ALTER TABLE ${VERSIONS}
  ADD COLUMN IF NOT EXISTS checksum varchar(64),
  ADD COLUMN IF NOT EXISTS applied_at timestamp with time zone DEFAULT now(),
  ADD COLUMN IF NOT EXISTS backup text;`;

/** Compares the database with this checkout, in variables: a temporary table could hide a table of the migrations. */
function guards(known: readonly PlannedMigration[], applied: readonly PlannedMigration[], newest: string): string {
  const versions = known.map(({ version }) => quote(version)).join(", ");
  const checksums = known.map(({ checksum }) => quote(checksum)).join(", ");
  const expected = applied.map(({ version }) => quote(version)).join(", ");
  return `DO $guards$
DECLARE
  mismatch record;
  versions CONSTANT text[] := ARRAY[${versions}]::text[];
  checksums CONSTANT text[] := ARRAY[${checksums}]::text[];
BEGIN
  SELECT applied.version INTO mismatch
    FROM ${VERSIONS} applied LEFT JOIN unnest(versions, checksums) AS plan(version, checksum) USING (version)
    WHERE plan.version IS NULL ORDER BY applied.version DESC LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'the database has version %, which is not in this checkout: its newest is ${newest}', mismatch.version
      USING DETAIL = 'Nothing was changed.', HINT = 'Deploy a checkout that includes this version, or roll back with: npm run migration -- rollback';
  END IF;
  SELECT applied.version, applied.checksum AS applied, plan.checksum AS planned INTO mismatch
    FROM ${VERSIONS} applied JOIN unnest(versions, checksums) AS plan(version, checksum) USING (version)
    WHERE applied.checksum <> plan.checksum ORDER BY applied.version LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'version % was edited after it was applied: the database has checksum %, the file %',
      mismatch.version, left(mismatch.applied, 12), left(mismatch.planned, 12)
      USING DETAIL = 'Nothing was changed.', HINT = 'Restore the file and put the change into a new version.';
  END IF;
  SELECT version INTO mismatch FROM unnest(ARRAY[${expected}]::text[]) AS expected(version)
    WHERE version NOT IN (SELECT applied.version FROM ${VERSIONS} applied) ORDER BY version LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION '${MISSING} %, which the stack''s state records as applied', mismatch.version;
  END IF;
  -- dbmate records no checksum.
  UPDATE ${VERSIONS} applied SET checksum = plan.checksum FROM unnest(versions, checksums) AS plan(version, checksum)
    WHERE plan.version = applied.version AND applied.checksum IS NULL;
END
$guards$;`;
}
