import { type Client, escapeIdentifier, escapeLiteral } from "pg";
import { scramVerifier } from "../../postgres/scram.ts";

/** The PostgreSQL superuser, for Cloud SQL itself only. */
export const ADMIN = "cloudsqladmin";
/** The role of every user created through the API, and the owner of the databases created so. */
export const SUPERUSER = "cloudsqlsuperuser";
/** The role that runs imports. */
export const IMPORTER = "cloudsqlimportexport";

/** From this major version, altering a role requires ADMIN OPTION on it, and memberships have options. */
const ADMIN_OPTION_SINCE = 16;

/**
 * Creates the roles of a new instance, as `pg_dumpall` shows them on Cloud SQL. Unlike there, `cloudsqlimportexport` can
 * become only the user of the running import, so that a script cannot gain other privileges.
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

/** Grants the rights that every database has; in `template1`, so that later databases have them too. */
export async function grantSystemRights(client: Client): Promise<void> {
  await client.query(`GRANT ALL ON SCHEMA public TO ${SUPERUSER}`);
}

/**
 * Creates a user as the API does: it may create roles and databases.
 * @param databaseRoles Existing roles to grant instead of `cloudsqlsuperuser`.
 */
export async function createUser(client: Client, name: string, databaseRoles: readonly string[] = []): Promise<void> {
  await client.query(`CREATE ROLE ${escapeIdentifier(name)} LOGIN CREATEROLE CREATEDB`);
  await grantRoles(client, name, databaseRoles.length > 0 ? databaseRoles : [SUPERUSER]);
}

/** Sets a user's password; the statement contains only its SCRAM verifier. */
export async function setPassword(client: Client, name: string, password: string): Promise<void> {
  await client.query(`ALTER ROLE ${escapeIdentifier(name)} PASSWORD ${escapeLiteral(scramVerifier(password))}`);
}

/** Makes a user a full member of existing roles; must run in a transaction. */
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

/**
 * Revokes a user's roles, no matter which role granted them.
 * @param kept Roles that it keeps.
 * @throws DatabaseError if the user granted one of the others onward.
 */
export async function revokeRoles(client: Client, name: string, kept: readonly string[]): Promise<void> {
  const { rows } = await client.query<{ role: string; grantor: string }>(
    `SELECT r.rolname AS role, g.rolname AS grantor
       FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid JOIN pg_roles g ON g.oid = m.grantor
      WHERE m.member = (SELECT oid FROM pg_roles WHERE rolname = $1) AND r.rolname <> ALL ($2)`,
    [name, kept],
  );
  for (const { role, grantor } of rows) {
    const [of, from, by] = [role, name, grantor].map(escapeIdentifier);
    await client.query(`REVOKE ${of} FROM ${from} GRANTED BY ${by}`);
  }
}

/** The users that the API lists: the roles that can log in, without Cloud SQL's own. */
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

/** Allows the import's connection to become this user, and no other. */
export async function lendTo(client: Client, user: string): Promise<void> {
  await revokeRoles(client, IMPORTER, []);
  const options = (await majorOf(client)) >= ADMIN_OPTION_SINCE ? " WITH INHERIT FALSE, SET TRUE" : "";
  await client.query(`GRANT ${escapeIdentifier(user)} TO ${IMPORTER}${options}`);
}

/**
 * Cloud SQL patches PostgreSQL so that members of `cloudsqlsuperuser` may alter the users created through the API without
 * ADMIN OPTION on them. Here `cloudsqlsuperuser` gets that option. GRANT would refuse it as a circular membership, but the
 * row grants neither INHERIT nor SET.
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
