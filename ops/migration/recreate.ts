import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { type Google, OperationError } from "../../infra/google.ts";
import type { Migration } from "../../infra/migrations/files.ts";
import { backupRuns, loginsOf, type SchemaState } from "../../infra/migrations/importer.ts";
import { asSuperuser, reduce } from "../../infra/migrations/membership.ts";
import type { Provisions } from "../../infra/migrations/provisions.ts";
import { LOCK, MAKE_VERSIONS_TABLE, ownership } from "../../infra/migrations/script.ts";
import { dollarQuoted, quote, VERSIONS } from "../../infra/migrations/steps.ts";
import { inTransaction } from "../../infra/migrations/version.ts";
import { OWNER_ROLE, SUPERUSER } from "../../infra/names.ts";
import { UserError } from "../terminal/user-error.ts";
import { appliedFiles, madeBy } from "./drift.ts";
import { repeatablesIn } from "./drift-by-import.ts";
import { importScript } from "./import-script.ts";
import { appliedSchema } from "./status.ts";

/** A row of `catalog.ts`. */
export interface Described {
  /** Such as `table orders`. */
  readonly object: string;
  /** Such as `column id`; empty for the object itself. */
  readonly part: string;
  /** Such as `bigint not null`. */
  readonly form: string;
}

/** How to ask, and to report. */
export interface RecreateOptions {
  readonly confirm: () => Promise<boolean>;
  /** Prints a line. */
  readonly say: (line: string) => void;
}

/**
 * Puts back what is missing in a stack's database: the role that owns the tables, the logins' membership in it, empty tables, and
 * the records of the versions, as the stack's state has them applied. An update does not do this, because it compares with the
 * state.
 * @param files The migrations of this checkout.
 * @param repeatables The repeatable migrations of this checkout.
 * @returns Whether the user confirmed.
 * @throws UserError if the stack has no schema, an applied version is not in this checkout, a table cannot be made from its
 *   description, or the import fails.
 */
export async function recreate(
  stack: Stack,
  google: Google,
  files: readonly Migration[],
  repeatables: readonly Migration[],
  { confirm, say }: RecreateOptions,
): Promise<boolean> {
  const schema = (await appliedSchema(stack))?.outputs;
  if (!schema) throw new UserError(`Stack "${stack.name}" has no schema yet: npm run up -- --stack ${stack.name}`);
  const applied = appliedFiles(files, new Map(schema.migrations.map(({ checksum, version }) => [version, checksum])));
  const made = JSON.parse(await madeBy(applied, schema, repeatablesIn(schema, repeatables))) as Described[];
  const logins = loginsOf(schema);
  const script = recreateScript(made, applied, logins, schema);
  const backups = (await backupRuns(google, schema)).filter(({ status }) => status === "SUCCESSFUL");
  const kept = backups.map(({ enqueuedTime, id }) => `${id} of ${enqueuedTime.slice(0, 16)}Z`).join(", ") || "none";
  say(
    [
      `Creates what is missing in ${schema.database} of ${schema.instance}, and lets the logins use it.`,
      "A table that is missing comes back empty. Its rows are lost, unless you copy them from a clone of the instance as of a",
      `time before (docs/DEPLOYMENT.md, "When something is lost"), or restore a backup in place of this. Backups: ${kept}.`,
    ].join("\n"),
  );
  if (!(await confirm())) return false;
  // Under the name of the newest version, which it brings as an update does.
  const name = `imports/${schema.version}-recreate.sql`;
  const user = await listedLogin(google, schema, logins);
  const run = () => importScript(google, { ...schema, user }, name, script);
  await asSuperuser(google, schema, user, run).catch((error: unknown) => {
    if (!(error instanceof OperationError)) throw error;
    throw new UserError(`The import failed and changed no table: ${error.message}`);
  });
  for (const login of logins) await reduce(google, schema, login);
  say(
    `${schema.database} has every table of version ${schema.version}, and records its versions; ${logins.join(" and ")} may use them.`,
  );
  return true;
}

/** A login that Google lists; it lists none that may not log in. @throws UserError without one. */
async function listedLogin(
  google: Google,
  { instance, project }: SchemaState,
  logins: readonly string[],
): Promise<string> {
  const path = `projects/${project}/instances/${instance}/users`;
  const { items = [] } = await google.call<gapi.client.sql.UsersListResponse>({ api: "sql", path });
  const found = logins.find((login) => items.some(({ name }) => name === login));
  if (found === undefined) throw new UserError(`None of the logins ${logins.join(", ")} exists on ${instance}.`);
  return found;
}

/**
 * SQL that makes the logins members of the role that owns the tables, lets them log in, and creates that role, the tables, and
 * the records of versions that do not exist.
 * @param made What the versions make.
 * @param applied The versions.
 * @param logins The logins that use the tables.
 * @param provisions The extensions and schemas of the stack; none by default.
 * @throws UserError if a table has a part that is not known how to create.
 */
export function recreateScript(
  made: readonly Described[],
  applied: readonly Migration[],
  logins: readonly string[],
  provisions: Provisions = {},
): string {
  const tables = [...new Set(made.flatMap(({ object }) => (object.startsWith("table ") ? [object] : [])))];
  const parts = tables.map((table) => ({ table, rows: made.filter(({ object }) => object === table) }));
  // Constraints last: a foreign key needs the other table.
  const statements = parts.map(({ rows, table }) => onlyIfMissing(table, createTable(table, rows)));
  const versions = applied.map(({ checksum, version }) => `(${quote(version)}, ${quote(checksum)})`).join(", ");
  return [
    LOCK,
    inTransaction(ownership(logins, provisions), admission(logins)),
    `BEGIN;\nSET LOCAL search_path = public;\nSET LOCAL ROLE ${OWNER_ROLE};`,
    "CREATE TEMPORARY TABLE missing (name text) ON COMMIT DROP;",
    ...statements,
    ...parts.map(({ rows, table }) => constraints(table, rows)),
    MAKE_VERSIONS_TABLE,
    `INSERT INTO ${VERSIONS} (version, checksum) VALUES ${versions} ON CONFLICT (version) DO NOTHING;`,
    "COMMIT;\n",
  ].join("\n\n");
}

/** Undoes what was changed manually in a login so that PostgreSQL refuses it. */
function admission(logins: readonly string[]): string {
  return `DO $admission$
DECLARE
  login name;
BEGIN
  SET LOCAL ROLE ${SUPERUSER};
  FOR login IN SELECT rolname FROM pg_roles WHERE rolname IN (${logins.map(quote).join(", ")})
      AND (NOT rolcanlogin OR rolvaliduntil < 'infinity' OR rolconnlimit >= 0) LOOP
    EXECUTE format('ALTER ROLE %I LOGIN VALID UNTIL ''infinity'' CONNECTION LIMIT -1', login);
  END LOOP;
END
$admission$;`;
}

function onlyIfMissing(table: string, statements: readonly string[]): string {
  const name = quote(table.slice("table ".length));
  const all = [...statements, `INSERT INTO pg_temp.missing VALUES (${name});`].join("\n");
  return `DO ${dollarQuoted(`BEGIN IF to_regclass(${name}) IS NULL THEN\n${all}\nEND IF; END`, "recreate")};`;
}

function constraints(table: string, rows: readonly Described[]): string {
  const name = quote(table.slice("table ".length));
  const foreign = rows.filter(({ form, part }) => part.startsWith("constraint ") && form.startsWith("FOREIGN KEY"));
  const all = foreign.map(({ form, part }) => `ALTER ${table} ADD ${part} ${form};`).join("\n");
  if (all === "") return "";
  return `DO ${dollarQuoted(`BEGIN IF EXISTS (SELECT FROM pg_temp.missing WHERE name = ${name}) THEN\n${all}\nEND IF; END`, "recreate")};`;
}

function createTable(table: string, rows: readonly Described[]): string[] {
  const columns = rows.flatMap(({ form, part }) =>
    part.startsWith("column ") ? [`${part.slice("column ".length)} ${asDeclared(form)}`] : [],
  );
  const rest = rows.flatMap(({ form, part }): string[] => {
    const [kind = "", name = ""] = /^(\w+|row level security) ?(.*)$/.exec(part)?.slice(1) ?? [];
    if (["", "owner", "column", "sequence"].includes(kind)) return [];
    if (kind === "constraint") return form.startsWith("FOREIGN KEY") ? [] : [`ALTER ${table} ADD ${part} ${form};`];
    if (kind === "index") {
      const [unique, how] = form.startsWith("UNIQUE ") ? ["UNIQUE ", form.slice(7)] : ["", form];
      return [`CREATE ${unique}INDEX ${name} ON ${table.slice("table ".length)} ${how};`];
    }
    if (kind === "grant") return [`GRANT ${form} ON ${table} TO ${name.replace(/^to /, "")};`];
    if (kind === "trigger") return [`${form};`];
    throw new UserError(
      `The ${table} has a ${part}, which this command cannot create. Restore a backup: npm run migration -- restore`,
    );
  });
  const sequences = rows.flatMap(({ form, part }) => {
    // That of an identity column comes with it.
    const name = /^sequence (.*)/.exec(part)?.[1];
    const column = rows.find((row) => name !== undefined && row.form.includes(`nextval('${name}'`));
    return name !== undefined && column
      ? [{ name, type: form.split(" from ")[0] ?? "", column: column.part.slice("column ".length) }]
      : [];
  });
  const own = table.slice("table ".length);
  return [
    ...sequences.map(({ name, type }) => `CREATE SEQUENCE ${name} AS ${type};`),
    `CREATE ${table} (${columns.join(", ")});`,
    ...sequences.map(({ column, name }) => `ALTER SEQUENCE ${name} OWNED BY ${own}.${column};`),
    ...rest,
  ];
}

/** The description of a generated column is shorter than its declaration. */
function asDeclared(form: string): string {
  return form.includes(" generated as (")
    ? `${form.replace(" generated as (", " GENERATED ALWAYS AS (")} STORED`
    : form;
}
