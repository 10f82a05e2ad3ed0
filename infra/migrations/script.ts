import { directions, type Migration } from "./files";

/** The role without login that owns the tables. */
export const OWNER_ROLE = "settlement_owner";

/**
 * Writes the SQL that takes a database to the newest of the given versions: one transaction, all or none. What the
 * database holds already, with the same checksum, is skipped, so that running the script a second time changes nothing.
 * It stops, changing nothing, where the database holds a version or a checksum that the files do not know.
 * @param migrations Every version of the repository, in order.
 * @param user The login that runs the import; it becomes a member of the owner's role.
 */
export function upScript(migrations: readonly Migration[], user: string): string {
  const known = migrations.map(({ version, checksum }) => `(${quote(version)}, ${quote(checksum)})`).join(",\n  ");
  const newest = migrations.at(-1)?.version ?? "none";
  return [
    `-- The settlement schema, version ${newest}.`,
    "BEGIN;",
    "SELECT pg_advisory_xact_lock(hashtext('settlement schema'));",
    ownership(user),
    `CREATE TABLE IF NOT EXISTS schema_migrations (
  version varchar(128) PRIMARY KEY,
  checksum varchar(64),
  applied_at timestamp with time zone DEFAULT now()
);`,
    `CREATE TEMPORARY TABLE plan (version varchar(128) PRIMARY KEY, checksum varchar(64)) ON COMMIT DROP;
INSERT INTO plan VALUES
  ${known};`,
    guards(newest),
    ...migrations.map(step),
    "COMMIT;",
    "",
  ].join("\n\n");
}

/** Tables belong to a role that nobody can log in as; the login works through its membership. */
function ownership(user: string): string {
  return `DO $ownership$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = ${quote(OWNER_ROLE)}) THEN
    CREATE ROLE ${OWNER_ROLE} NOLOGIN;
  END IF;
  IF NOT pg_has_role(${quote(user)}, ${quote(OWNER_ROLE)}, 'SET') THEN
    GRANT ${OWNER_ROLE} TO ${identifier(user)};
  END IF;
  IF NOT has_schema_privilege(${quote(OWNER_ROLE)}, 'public', 'CREATE') THEN
    GRANT CREATE, USAGE ON SCHEMA public TO ${OWNER_ROLE};
  END IF;
END
$ownership$;
SET LOCAL ROLE ${OWNER_ROLE};`;
}

function guards(newest: string): string {
  return `DO $guards$
DECLARE
  odd record;
BEGIN
  SELECT held.version INTO odd FROM schema_migrations held LEFT JOIN plan USING (version)
    WHERE plan.version IS NULL ORDER BY held.version DESC LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'the database is at version %, which this checkout does not know: its newest is ${newest}', odd.version
      USING HINT = 'Deploy a checkout that holds this version, or go back with its down script first.';
  END IF;
  SELECT held.version, held.checksum AS held, plan.checksum AS planned INTO odd
    FROM schema_migrations held JOIN plan USING (version)
    WHERE held.checksum <> plan.checksum ORDER BY held.version LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'version % was edited after it was applied: the database holds checksum %, the file has %',
      odd.version, left(odd.held, 12), left(odd.planned, 12)
      USING HINT = 'Restore the file and put the change into a new version.';
  END IF;
END
$guards$;`;
}

function step(migration: Migration): string {
  const { up } = directions(migration.file, migration.text);
  const tag = `$v${migration.version}$`;
  return `DO $step$
BEGIN
  IF NOT EXISTS (SELECT FROM schema_migrations WHERE version = ${quote(migration.version)}) THEN
    EXECUTE ${tag}-- migrations/${migration.file}${up.startsWith("\n") ? "" : "\n"}${up}
${tag};
    INSERT INTO schema_migrations (version, checksum) VALUES (${quote(migration.version)}, ${quote(migration.checksum)});
  END IF;
END
$step$;`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function identifier(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
