import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Client, escapeLiteral } from "pg";
import type { Login } from "./server.ts";

/** Where a standby streams from. */
export interface Upstream {
  /** The folder of the primary's Unix socket. */
  readonly host: string;
  readonly login: Omit<Login, "database">;
  /** The replication slot on the primary, which keeps what the standby has not received. */
  readonly slot: string;
}

/**
 * Makes a stopped server a standby of another: https://www.postgresql.org/docs/current/warm-standby.html#STREAMING-REPLICATION
 * @param data Its data directory, a copy of the primary's.
 */
export function standBy(data: string, upstream: Upstream): void {
  const lines = Object.entries(settingsOf(upstream)).map(([name, value]) => `${name} = ${escapeLiteral(value)}\n`);
  writeFileSync(join(data, "postgresql.auto.conf"), lines.join(""), { mode: 0o600 });
  writeFileSync(join(data, "standby.signal"), "", { mode: 0o600 });
}

/** Lets a stopped server start on its own, also if it was a standby when it was copied. */
export function standAlone(data: string): void {
  for (const name of ["postgresql.auto.conf", "standby.signal"]) rmSync(join(data, name), { force: true });
}

/** Lets a running standby stream from where its primary now listens. @param client A superuser's connection to the standby. */
export async function follow(client: Client, upstream: Upstream): Promise<void> {
  for (const [name, value] of Object.entries(settingsOf(upstream))) {
    await client.query(`ALTER SYSTEM SET ${name} = ${escapeLiteral(value)}`);
  }
  await client.query("SELECT pg_reload_conf()");
}

/** Ends what a running standby receives, as if nothing led to its primary. @param client A superuser's connection to it. */
export async function sever(client: Client): Promise<void> {
  await client.query("ALTER SYSTEM SET primary_conninfo = ''");
  await client.query("SELECT pg_reload_conf()");
}

/** Reserves a slot on the primary, if it has none of this name. @param client A superuser's connection to the primary. */
export async function reserveSlot(client: Client, slot: string): Promise<void> {
  await client.query(
    `SELECT pg_create_physical_replication_slot($1, true)
     WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1)`,
    [slot],
  );
}

/** Drops a slot, and ends the standby that uses it. @param client A superuser's connection to the primary. */
export async function dropSlot(client: Client, slot: string): Promise<void> {
  await client.query("SELECT pg_terminate_backend(active_pid, 10000) FROM pg_replication_slots WHERE slot_name = $1", [
    slot,
  ]);
  await client.query("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1", [
    slot,
  ]);
}

/** Whether a standby streams through a slot. @param client A connection to the primary. */
export async function isStreaming(client: Client, slot: string): Promise<boolean> {
  const { rows } = await client.query(
    `SELECT FROM pg_stat_replication r JOIN pg_replication_slots s ON s.active_pid = r.pid
     WHERE s.slot_name = $1 AND r.state = 'streaming'`,
    [slot],
  );
  return rows.length > 0;
}

/**
 * How many seconds a standby's data are behind: none while it receives and has replayed all; else since the last transaction that
 * it replayed. @param client A connection to the standby.
 */
export async function lagOf(client: Client): Promise<number> {
  const { rows } = await client.query<{ lag: number }>(
    `SELECT CASE
       WHEN EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming')
         AND pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
       ELSE greatest(0, extract(epoch FROM now() - coalesce(pg_last_xact_replay_timestamp(), pg_postmaster_start_time())))
     END::float AS lag`,
  );
  return rows[0]?.lag ?? 0;
}

function settingsOf({ host, login, slot }: Upstream): Record<string, string> {
  const { user, password } = login;
  return {
    primary_conninfo: `host=${host} user=${user} password=${password}`,
    primary_slot_name: slot,
    wal_retrieve_retry_interval: "100ms", // by default 5 s, which is how long a switchover would take
  };
}
