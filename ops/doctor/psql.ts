import { command } from "../terminal/command.ts";
import type { Facts } from "./facts.ts";
import { socketFolder } from "./login.ts";

/** Cloud SQL's administrator, who may change every login. */
export const ADMINISTRATOR = "postgres";

/**
 * Runs SQL as the service's login, whose password stays in the shell, or as another role, for whose password psql asks.
 * @param role The owner that alone may do it, if it is another one.
 */
export async function psql(facts: Facts, role: string | undefined, sql: string): Promise<string> {
  const { database, passwordSecret, socket = "" } = facts.target;
  const { connectionName } = await facts.existingInstance();
  const run = command(
    ...["psql", `--host=${socketFolder(socket, connectionName)}`, `--dbname=${database}`],
    ...[`--username=${role ?? (await facts.loginName())}`, `--command=${sql}`],
  );
  if (role !== undefined) return run;
  return `PGPASSWORD=$(${facts.gcloud("secrets", "versions", "access", "latest", `--secret=${passwordSecret}`)}) ${run}`;
}
