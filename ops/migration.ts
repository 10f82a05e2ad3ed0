import { join } from "node:path";
import { parseArgs } from "node:util";
import { DUMP_FILE, writeDump } from "./migration/dump.ts";
import { format, passes } from "./lint/finding.ts";
import { scopeOf } from "./lint/lint.ts";
import { newMigration } from "./migration/new.ts";
import { lintAndReplay } from "./migration/replay.ts";
import { squash, writeSquash } from "./migration/squash.ts";
import { consent } from "./terminal/consent.ts";
import { PROVIDERS_HELP } from "./terminal/options.ts";
import { run } from "./terminal/run.ts";
import { UsageError } from "./terminal/user-error.ts";

const HELP = `npm run migration -- COMMAND

Manage the database schema: the files in migrations/, one per version.

  new NAME        create migrations/<timestamp>_NAME.sql
  lint [--json]   check the files that the main branch does not have for format, order, locks, data loss and changes that
                  break the running service, and try them on an empty PostgreSQL after the others; what it finds in the
                  others is advice; exits with 1 if it finds an error
  status --stack STACK [--socket DIR] [--json]
                  show for each version whether it is applied, pending, edited or missing in this checkout, and the
                  backup taken before it, and the repeatable files that an update would apply; reads the stack's state, or
                  the database through a Cloud SQL Auth Proxy
  drift --stack STACK [--socket DIR] [--json]
                  compare the live schema with what the applied versions make, and name each difference; reads by a login
                  through a Cloud SQL Auth Proxy, or without --socket by an import that changes nothing; exits with 1 if
                  it finds a difference
  rollback --stack STACK [--to VERSION] [--yes]
                  roll back to VERSION (default: the one before the newest): preview, ask, write the version to the
                  stack file, run the down scripts
  restore --stack STACK --backup ID [--yes]
                  restore the whole instance from a backup, if the down scripts are not enough: show what will be
                  lost, ask, restore, and set configuration and state to the version in the backup; a backup that
                  outlived its instance, projects/P/backups/ID, goes into the new one, with the newest version
  recreate --stack STACK [--yes]
                  put back tables, records of versions and the logins' rights that were removed manually: say what is
                  lost, ask, and create what is missing, the tables empty; an update does not, because the state has
                  them applied
  repair --stack STACK --version VERSION --why REASON [--yes]
                  record that VERSION is applied with the checksum of its file, without running it: preview, ask, write
                  the repair to the stack file, update the schema; the table schema_repairs keeps who, when and why
  squash [--to VERSION] [--yes]
                  replace all files up to VERSION (default: the newest) by one for new databases; existing databases
                  recognise it by the checksums in its header; asks, because it removes the files
  dump            apply the files to an empty database and write its schema to migrations/${DUMP_FILE}
  --providers P   for status, drift, rollback, recreate, repair and restore: ${PROVIDERS_HELP}
  --yes           do not ask for confirmation; required without a terminal
  --help          show this text
`;

const FOLDER = join(import.meta.dirname, "..", "migrations");

const COMMANDS: Readonly<Record<string, (args: string[]) => Promise<void> | void>> = {
  new(args) {
    const [name, ...more] = parseArgs({ args, allowPositionals: true }).positionals;
    if (name === undefined || more.length > 0) throw new UsageError("new takes exactly one name.");
    console.log(`migrations/${newMigration(FOLDER, name, new Date())}`);
  },

  async lint(args) {
    const { json } = parseArgs({ args, options: { json: { type: "boolean" } } }).values;
    const findings = await lintAndReplay(FOLDER);
    const verdict = passes(findings) ? "No errors." : "Fix these errors before the migrations are applied.";
    const text = () => [...findings.map(format), scopeOf(FOLDER), verdict].join("\n");
    console.log(json ? JSON.stringify(findings, undefined, 2) : text());
    if (!passes(findings)) process.exitCode = 1;
  },

  status: async (args) => (await onStack()).statusCommand(args),
  drift: async (args) => (await onStack()).driftCommand(args),
  rollback: async (args) => (await onStack()).rollbackCommand(args),
  recreate: async (args) => (await onStack()).recreateCommand(args),
  repair: async (args) => (await onStack()).repairCommand(args),
  restore: async (args) => (await onStack()).restoreCommand(args),

  async squash(args) {
    const { to, yes } = parseArgs({ args, options: { to: { type: "string" }, yes: { type: "boolean" } } }).values;
    const ask = consent(yes);
    const made = await squash(FOLDER, to);
    console.log(made.replaced.map(({ file }) => `migrations/${file}`).join("\n"));
    if (!(await ask(`Replace these files by migrations/${made.file.file}?`))) console.log("Nothing was changed.");
    else writeSquash(FOLDER, made);
  },

  async dump(args) {
    parseArgs({ args });
    console.log(`migrations/${DUMP_FILE} ${(await writeDump(FOLDER)) ? "was updated." : "is up to date."}`);
  },
};

/** Loaded on demand, so that the other commands start without the engine. */
function onStack() {
  return import("./migration/on-stack.ts");
}

run(HELP, async () => {
  const [name = "", ...args] = process.argv.slice(2);
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) throw new UsageError(name === "" ? "Name a command." : `Unknown command "${name}".`);
  await command(args);
});
