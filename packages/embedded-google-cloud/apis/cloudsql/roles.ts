import { type Client, escapeIdentifier, escapeLiteral } from "pg";
import { scramVerifier } from "../../postgres/scram.ts";

/** The superuser, for Cloud SQL itself only. */
export const ADMIN = "cloudsqladmin";
/** What every user made through the API is a member of, and who owns the databases made so. */
export const SUPERUSER = "cloudsqlsuperuser";
/** Who runs imports. */
export const IMPORTER = "cloudsqlimportexport";

/** Since this major, whoever alters a role must hold ADMIN OPTION on it; memberships have options of their own. */
const ADMIN_OPTION_SINCE = 16;

/**
 * The roles of a new instance, as `pg_dumpall` shows them on Cloud SQL.
 * `cloudsqlimportexport` is less here than there: it can become only the user of the import that runs, so that a script
 * finds nobody more powerful behind it.
 */
export async function createSystemRoles(client: Client, major: number): Promise<void> {
  await client.query(`
    CREATE ROLE ${SUPERUSER} LOGIN CREATEROLE CREATEDB;
    CREATE ROLE ${IMPORTER} LOGIN;
    CREATE ROLE cloudsqliamuser;
    CREATE ROLE cloudsqliamserviceaccount;
    GRANT pg_monitor, pg_signal_backend TO ${SUPERUSER};
    ${major >= 15 ? `GRANT pg_checkpoint TO ${SUPERUSER} WITH ADMIN OPTION;` : ""}
    ALTER DATABASE postgres OWNER TO ${SUPERUSER};`);
  await createUser(client, "postgres");
}

/** What a database holds from the start; in `template1`, so that those made later have it too. */
export async function grantSystemRights(client: Client): Promise<void> {
  await client.query(`GRANT ALL ON SCHEMA public TO ${SUPERUSER}`);
}

/**
 * Makes a user as the API does: it may create roles and databases and is a member of `cloudsqlsuperuser`, or of the
 * roles given and not of that one.
 * @param databaseRoles Roles that exist.
 */
export async function createUser(client: Client, name: string, databaseRoles: readonly string[] = []): Promise<void> {
  await client.query(`CREATE ROLE ${escapeIdentifier(name)} LOGIN CREATEROLE CREATEDB`);
  await grantRoles(client, name, databaseRoles.length > 0 ? databaseRoles : [SUPERUSER]);
}

/** Sets a user's password; the statement carries only what PostgreSQL keeps of it. */
export async function setPassword(client: Client, name: string, password: string): Promise<void> {
  await client.query(`ALTER ROLE ${escapeIdentifier(name)} PASSWORD ${escapeLiteral(scramVerifier(password))}`);
}

/** Makes a user a full member of roles that exist; in a transaction. */
export async function grantRoles(client: Client, name: string, roles: readonly string[]): Promise<void> {
  if (roles.length === 0) return;
  const grant = `GRANT ${roles.map(escapeIdentifier).join(", ")} TO ${escapeIdentifier(name)}`;
  if ((await majorOf(client)) < ADMIN_OPTION_SINCE) {
    await client.query(grant);
    return;
  }
  await client.query("SET LOCAL allow_system_table_mods = on");
  await client.query("DELETE FROM pg_auth_members WHERE roleid = $1::regrole AND member = $2::regrole", [
    escapeIdentifier(name),
    SUPERUSER,
  ]);
  await client.query(`${grant} WITH INHERIT TRUE, SET TRUE`);
  await letSuperuserAdminister(client, name);
}

/** Ends a user's memberships, whoever granted them. @param kept Roles it remains a member of. */
export async function revokeRoles(client: Client, name: string, kept: readonly string[]): Promise<void> {
  const { rows } = await client.query<{ role: string; grantor: string }>(
    `SELECT r.rolname AS role, g.rolname AS grantor
       FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid JOIN pg_roles g ON g.oid = m.grantor
      WHERE m.member = (SELECT oid FROM pg_roles WHERE rolname = $1) AND r.rolname <> ALL ($2)`,
    [name, kept],
  );
  for (const { role, grantor } of rows) {
    const [of, from, by] = [role, name, grantor].map(escapeIdentifier);
    await client.query(`REVOKE ${of} FROM ${from} GRANTED BY ${by} CASCADE`);
  }
}

/** Names of the users that the API lists: whoever can log in, but for Cloud SQL's own. */
export async function listUsers(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    "SELECT rolname AS name FROM pg_roles WHERE rolcanlogin AND rolname !~ '^(cloudsql|pg_)' ORDER BY 1",
  );
  return rows.map(({ name }) => name);
}

/** Whether a role exists, with or without login. */
export async function roleExists(client: Client, name: string): Promise<boolean> {
  return (await client.query("SELECT FROM pg_roles WHERE rolname = $1", [name])).rows.length > 0;
}

/** The import's own connection may become this user, and nobody else. */
export async function lendTo(client: Client, user: string): Promise<void> {
  await revokeRoles(client, IMPORTER, []);
  const options = (await majorOf(client)) >= ADMIN_OPTION_SINCE ? " WITH INHERIT FALSE, SET TRUE" : "";
  await client.query(`GRANT ${escapeIdentifier(user)} TO ${IMPORTER}${options}`);
}

/**
 * Cloud SQL's PostgreSQL is changed so that a member of `cloudsqlsuperuser` may alter the users made through the API,
 * though it has no ADMIN OPTION on them. Here `cloudsqlsuperuser` holds that option. GRANT would refuse it as a circle,
 * which it is only by name: the row carries neither INHERIT nor SET.
 */
async function letSuperuserAdminister(client: Client, name: string): Promise<void> {
  await client.query(
    `INSERT INTO pg_auth_members (oid, roleid, member, grantor, admin_option, inherit_option, set_option)
     SELECT pg_nextoid('pg_auth_members', 'oid', 'pg_auth_members_oid_index'), $1::regrole, $2::regrole, 10, true, false, false`,
    [escapeIdentifier(name), SUPERUSER],
  );
}

async function majorOf(client: Client): Promise<number> {
  const { rows } = await client.query<{ version: number }>(
    "SELECT current_setting('server_version_num')::int / 10000 AS version",
  );
  return rows[0]?.version ?? 0;
}
