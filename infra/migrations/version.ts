import type { Node } from "libpg-query";
import { OWNER_ROLE } from "../names.ts";
import { MigrationFileError } from "./file-error.ts";
import { directions, type Marker, type Migration } from "./files.ts";
import { asProvided } from "./provisions.ts";
import { type Statement, statementsIn } from "./statements.ts";
import { BACKUP, dollarQuoted, execute, groupsOf, quote, recorded, REPEATABLES, VERSIONS } from "./steps.ts";

/**
 * One direction of a version in its own transaction, as dbmate runs it; nothing if the version is applied, or rolled back,
 * already. It begins with the owner's role, our settings and an empty session, regardless of the files before.
 * @throws MigrationFileError if the file is not SQL.
 */
export async function versionSql(migration: Migration, direction: Marker["direction"]): Promise<string> {
  const { file, text, version } = migration;
  const applied = `EXISTS (SELECT FROM ${VERSIONS} WHERE version = ${quote(version)})`;
  const up = direction === "up";
  return fileSql(migration, directions(file, text)[direction], {
    key: version,
    due: up ? `NOT ${applied}` : applied,
    record: up ? recorded(migration) : `DELETE FROM ${VERSIONS} WHERE version = ${quote(version)};`,
    undone: up ? `Version ${version}` : `The rollback of version ${version}`,
    ...(!up && { remedy: "Correct the cause and roll back again, or undo the change in a new version." }),
  });
}

/**
 * A repeatable file in its own transaction, as {@link versionSql}; nothing if it was applied with this text.
 * @throws MigrationFileError if the file is not SQL.
 */
export async function repeatableSql(repeatable: Migration): Promise<string> {
  const { checksum, file, text } = repeatable;
  const values = [file, checksum].map(quote);
  return fileSql(repeatable, text, {
    key: file,
    due: `NOT EXISTS (SELECT FROM ${REPEATABLES} WHERE (file, checksum) = (${values.join(", ")}))`,
    record: `INSERT INTO ${REPEATABLES} (file, checksum) VALUES (${values.join(", ")})
    ON CONFLICT (file) DO UPDATE SET checksum = excluded.checksum, applied_at = now();`,
    undone: `The change by ${file}`,
  });
}

/** The table of the repeatable files that were applied. */
export const MAKE_REPEATABLES_TABLE = `CREATE TABLE IF NOT EXISTS ${REPEATABLES} (
  file varchar(255) PRIMARY KEY, checksum varchar(64) NOT NULL, applied_at timestamp with time zone DEFAULT now()
);`;

/** A file's run: the key that its blocks compare, when it is due, and what records it. */
interface Run {
  readonly key: string;
  /** An SQL condition. */
  readonly due: string;
  /** An SQL statement. */
  readonly record: string;
  /** What a failure undoes. */
  readonly undone: string;
  /** The hint of an error that has none. */
  readonly remedy?: string;
}

async function fileSql(migration: Migration, sql: string, { due, key, record, remedy, undone }: Run): Promise<string> {
  const { file } = migration;
  const statements = (await statementsIn(file, sql)).map(asProvided);
  for (const { line: at, node } of statements) {
    const problem = refusal(node);
    if (problem !== undefined) throw new MigrationFileError(`migrations/${file}:${at}: ${problem}`);
  }
  const line = statements.at(-1)?.line ?? 1;
  // Deferred constraints fail here instead of at COMMIT, which knows no file.
  const checks = ["SET CONSTRAINTS ALL IMMEDIATE", OWNER_CHECK].map((text) => ({ line, text }));
  const run = (group: readonly Statement[]) => {
    const [first] = group;
    return first && isSavepoint(first.node) ? `${first.text};` : block(key, execute(migration, group, undone, remedy));
  };
  return [
    FRESH,
    inTransaction(
      begin(key, due),
      ...groupsOf(statements).map(run),
      block(key, execute(migration, checks, undone, remedy)),
      block(key, `  SET LOCAL ROLE ${OWNER_ROLE};\n  ${record}`),
    ),
  ].join("\n");
}

/** SQL in a transaction. */
export function inTransaction(...statements: string[]): string {
  return ["BEGIN;", ...statements, "COMMIT;"].join("\n");
}

/** Undoes what a file before left in the session. Keeps the backup's id. */
const FRESH = `DO $fresh$
DECLARE
  backup CONSTANT pg_catalog.text := pg_catalog.current_setting('${BACKUP}', true);
BEGIN
  RESET ALL;
  PERFORM pg_catalog.set_config('${BACKUP}', backup, false);
END
$fresh$;
CLOSE ALL;
DEALLOCATE ALL;
UNLISTEN *;
DISCARD TEMP;
DISCARD SEQUENCES;`;

/** The setting with the key of the file that is being run; without it, the blocks of the file do nothing. */
const RUNNING = "settlement.version";

function begin(key: string, due: string): string {
  return `DO $begin$
BEGIN
  SET LOCAL lock_timeout = '10s';
  SET LOCAL client_encoding = 'UTF8';
  SET LOCAL ROLE ${OWNER_ROLE};
  IF ${due} THEN
    PERFORM pg_catalog.set_config('${RUNNING}', ${quote(key)}, true);
  END IF;
END
$begin$;`;
}

/**
 * A part of a file. Statements may reset our settings, or the role to the login that imports, as RESET ROLE does: tables
 * must not belong to a login, so this returns to the owner. The rest of the file is UTF-8 whatever `client_encoding` it sets.
 */
function block(key: string, body: string): string {
  const text = `
DECLARE
  backup CONSTANT pg_catalog.text := pg_catalog.current_setting('${BACKUP}', true);
BEGIN
  IF pg_catalog.current_setting('${RUNNING}', true) IS DISTINCT FROM ${quote(key)} THEN RETURN; END IF;
${body}
  PERFORM pg_catalog.set_config('${BACKUP}', backup, false), pg_catalog.set_config('${RUNNING}', ${quote(key)}, true),
    pg_catalog.set_config('client_encoding', 'UTF8', true);
  IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = current_user AND rolcanlogin) THEN SET LOCAL ROLE ${OWNER_ROLE}; END IF;
END
`;
  return `DO ${dollarQuoted(text, "step")};`;
}

/** Stops at an object made in this transaction that belongs to a login, as after RESET ROLE in a DO block. */
const OWNER_CHECK = `DO $$
DECLARE
  object pg_catalog.text;
  login pg_catalog.name;
BEGIN
  SELECT pg_catalog.pg_describe_object(d.classid, d.objid, 0), r.rolname INTO object, login
    FROM pg_catalog.pg_shdepend d JOIN pg_catalog.pg_roles r ON r.oid = d.refobjid
    LEFT JOIN pg_catalog.pg_class c ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = d.objid
   WHERE d.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) AND d.deptype = 'o' AND r.rolcanlogin
     AND d.classid <> 'pg_catalog.pg_default_acl'::pg_catalog.regclass AND c.relpersistence IS DISTINCT FROM 't'
     AND pg_catalog.age(d.xmin) <= pg_catalog.age(pg_catalog.pg_current_xact_id()::pg_catalog.xid) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION '% belongs to the login %', object, login
      USING HINT = 'Create it with the role ${OWNER_ROLE}, in which a file begins.';
  END IF;
END
$$`;

function isSavepoint(node: Node): boolean {
  const kinds = ["TRANS_STMT_SAVEPOINT", "TRANS_STMT_RELEASE", "TRANS_STMT_ROLLBACK_TO"];
  return "TransactionStmt" in node && kinds.includes(node.TransactionStmt.kind ?? "");
}

/** Why a statement cannot be a part of a version; undefined if it can. */
function refusal(node: Node): string | undefined {
  if ("TransactionStmt" in node && !isSavepoint(node)) {
    return "An import runs each version in one transaction; remove the statement that begins or ends one.";
  }
  if ("SelectStmt" in node && node.SelectStmt.intoClause) {
    return "SELECT INTO cannot be imported; write CREATE TABLE … AS SELECT.";
  }
  const copies = "CopyStmt" in node && node.CopyStmt.filename === undefined;
  return copies ? "Of COPY, only COPY table (columns) FROM stdin; with its rows below can be imported." : undefined;
}
