import { constants } from "node:fs";
import { copyFile, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Client } from "pg";

/** Files of the running server, not of the data. https://www.postgresql.org/docs/current/continuous-archiving.html */
const SKIPPED = ["postmaster.pid", "postmaster.opts", "pg_wal", "pg_replslot", "pg_stat_tmp", "pgsql_tmp"];
/** Folders that must exist in the copy, but empty. */
const EMPTY = ["pg_wal", "pg_wal/archive_status", "pg_wal/summaries", "pg_replslot", "pg_stat_tmp"];

/**
 * Copies the data directory of a running server; the copy contains everything committed before this returns.
 * @param client A superuser's connection.
 * @param target A folder that does not exist.
 */
export async function copyCluster(client: Client, data: string, target: string): Promise<void> {
  await client.query("SELECT pg_backup_start('copy', true)");
  await copyFolder(data, target);
  for (const folder of EMPTY) await mkdir(join(target, folder), { recursive: true, mode: 0o700 });
  const { rows } = await client.query<{ labelfile: string }>("SELECT labelfile FROM pg_backup_stop(false)");
  await writeFile(join(target, "backup_label"), rows[0]?.labelfile ?? "", { mode: 0o600 });
  // The WAL makes the copy consistent; it is complete only now.
  for (const file of await readdir(join(data, "pg_wal"), { withFileTypes: true })) {
    if (file.isFile()) await clone(join(data, "pg_wal", file.name), join(target, "pg_wal", file.name));
  }
}

async function copyFolder(from: string, to: string): Promise<void> {
  await mkdir(to, { mode: 0o700 });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (SKIPPED.includes(entry.name)) continue;
    if (entry.isDirectory()) await copyFolder(join(from, entry.name), join(to, entry.name));
    else await clone(join(from, entry.name), join(to, entry.name));
  }
}

/** Ignores a file that the server has removed since: the WAL covers it. */
async function clone(from: string, to: string): Promise<void> {
  try {
    await copyFile(from, to, constants.COPYFILE_FICLONE);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
