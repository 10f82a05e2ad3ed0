import { join } from "node:path";
import { parseArgs } from "node:util";
import { DUMP_FILE, writeDump } from "./migration/dump.ts";
import { format, passes } from "./migration/finding.ts";
import { lintMigrations } from "./migration/lint.ts";
import { newMigration } from "./migration/new.ts";
import { run } from "./terminal/run.ts";
import { UsageError } from "./terminal/user-error.ts";

const HELP = `npm run migration -- COMMAND

Schema work. The schema is the files of migrations/, one a version.

  new NAME        make migrations/<timestamp>_NAME.sql, with both directions to fill in
  lint [--json]   check every file: its form, its order, what it locks, what it destroys, and whether the service that
                  runs meanwhile can live with it; exit code 1 where something was found
  status --stack STACK [--socket DIR] [--json]
                  where each version stands: applied when and after which backup, pending, edited, or missing here; from
                  the stack's state, or from the database itself through the sockets of a Cloud SQL Auth Proxy
  rollback --stack STACK [--to VERSION] [--yes]
                  go back to a version, by default the one before the newest: previews, asks, writes the version into the
                  stack's file, and runs the down scripts
  restore --stack STACK --backup ID [--yes]
                  put the whole instance back to a backup, where a down script is not enough: says what will be lost,
                  asks, restores, and takes configuration and state to the version that the backup holds
  dump            apply the files to an empty database and write what they make to migrations/${DUMP_FILE}
  --yes           do not ask; without a terminal to ask on, the command stops unless this is given
  --help          this text
`;

const FOLDER = join(import.meta.dirname, "..", "migrations");

/** What each command does with what stands behind its name. */
const COMMANDS: Readonly<Record<string, (args: string[]) => Promise<void> | void>> = {
  new(args) {
    const [name, ...more] = parseArgs({ args, allowPositionals: true }).positionals;
    if (name === undefined || more.length > 0) throw new UsageError("new takes one name.");
    console.log(`migrations/${newMigration(FOLDER, name, new Date())}`);
  },

  async lint(args) {
    const { json } = parseArgs({ args, options: { json: { type: "boolean" } } }).values;
    const findings = await lintMigrations(FOLDER);
    const verdict = passes(findings) ? "The migrations are clean." : "The migrations cannot be applied like this.";
    console.log(json ? JSON.stringify(findings, undefined, 2) : [...findings.map(format), verdict].join("\n"));
    if (!passes(findings)) process.exitCode = 1;
  },

  status: async (args) => (await onStack()).statusCommand(args),
  rollback: async (args) => (await onStack()).rollbackCommand(args),
  restore: async (args) => (await onStack()).restoreCommand(args),

  async dump(args) {
    parseArgs({ args });
    console.log(`migrations/${DUMP_FILE} ${(await writeDump(FOLDER)) ? "was written." : "is as it was."}`);
  },
};

/** What needs a stack loads the engine; the others begin without it. */
function onStack() {
  return import("./migration/on-stack.ts");
}

run(HELP, async () => {
  const [name = "", ...args] = process.argv.slice(2);
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) throw new UsageError(name === "" ? "Say which command." : `There is no command "${name}".`);
  await command(args);
});
