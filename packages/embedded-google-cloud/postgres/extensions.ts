import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** As on Cloud SQL, users without superuser rights may create it. */
const CONTROL = `comment = 'provides auditing functionality'
default_version = '1.0'
relocatable = true
trusted = true
`;

/** pgAudit's own check and message: its library must be loaded at the start, which on Cloud SQL the flag does. */
const SCRIPT = `DO $$
BEGIN
  IF current_setting('cloudsql.enable_pgaudit', true) IS DISTINCT FROM 'on' THEN
    RAISE EXCEPTION 'pgaudit must be loaded via shared_preload_libraries' USING ERRCODE = '55000';
  END IF;
END $$;
`;

/**
 * Makes a stand-in for the extension pgAudit available, which can be created where pgAudit can and logs nothing.
 * @param folder PostgreSQL's folder of extensions.
 * @throws Error if the folder cannot be written.
 */
export function providePgAudit(folder: string): void {
  // PostgreSQL reads the control file first.
  for (const [name, text] of [
    ["pgaudit--1.0.sql", SCRIPT],
    ["pgaudit.control", CONTROL],
  ] as const) {
    if (!existsSync(join(folder, name))) replace(join(folder, name), text);
  }
}

/**
 * Lets users without superuser rights create `pg_stat_statements`, as on Cloud SQL.
 * @param folder PostgreSQL's folder of extensions.
 * @throws Error if the folder cannot be written.
 */
export function trustPgStatStatements(folder: string): void {
  const path = join(folder, "pg_stat_statements.control");
  const text = readFileSync(path, "utf8");
  if (!/^trusted/m.test(text)) replace(path, `${text.trimEnd()}\ntrusted = true\n`);
}

function replace(path: string, text: string): void {
  const fresh = `${path}.${process.pid}`; // another process may do the same
  writeFileSync(fresh, text);
  renameSync(fresh, path);
}
