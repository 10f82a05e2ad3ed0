import { existsSync, renameSync, writeFileSync } from "node:fs";
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
  provide(join(folder, "pgaudit--1.0.sql"), SCRIPT);
  provide(join(folder, "pgaudit.control"), CONTROL);
}

function provide(path: string, text: string): void {
  if (existsSync(path)) return;
  const fresh = `${path}.${process.pid}`; // another process may do the same
  writeFileSync(fresh, text);
  renameSync(fresh, path);
}
