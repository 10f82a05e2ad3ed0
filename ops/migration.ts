import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Migration, readMigrations } from "../infra/migrations/files";
import { confirm } from "./confirm";
import { DUMP_FILE, writeDump } from "./migration/dump";
import { format, passes } from "./migration/finding";
import { lintMigrations } from "./migration/lint";
import { newMigration } from "./migration/new";
import { rollback } from "./migration/rollback";
import {
  appliedSchema,
  formatStatus,
  FROM_DATABASE,
  FROM_STATE,
  recordedVersions,
  statusOf,
  statusOfRecorded,
  type VersionStatus,
} from "./migration/status";
import { openStack } from "./preview/open";
import { stackName } from "./preview/options";
import { run } from "./run";
import { UsageError } from "./user-error";

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
  dump            apply the files to an empty database and write what they make to migrations/${DUMP_FILE}
  --help          this text
`;

const FOLDER = join(__dirname, "..", "migrations");

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

  async status(args) {
    const options = { stack: { type: "string" }, socket: { type: "string" }, json: { type: "boolean" } } as const;
    const { json = false, socket, stack } = parseArgs({ args, options }).values;
    const name = stackName(stack);
    const files = readMigrations(FOLDER);
    const [versions, source] =
      socket === undefined
        ? ([await statusInState(name, files), FROM_STATE] as const)
        : ([statusOfRecorded(await recordedVersions(name, socket, files), files), FROM_DATABASE] as const);
    console.log(json ? JSON.stringify({ source, versions }, undefined, 2) : formatStatus(versions, source));
  },

  async rollback(args) {
    const options = { stack: { type: "string" }, to: { type: "string" }, yes: { type: "boolean" } } as const;
    const { values } = parseArgs({ args, options });
    const stack = stackName(values.stack);
    const done = await rollback({
      stack,
      file: join(FOLDER, "..", `Pulumi.${stack}.yaml`),
      to: values.to,
      confirm: () => (values.yes ? Promise.resolve(true) : confirm(`Take the schema of ${stack} back?`)),
      say: console.error,
    });
    if (!done) console.error("Nothing was changed.");
  },

  async dump(args) {
    parseArgs({ args });
    console.log(`migrations/${DUMP_FILE} ${(await writeDump(FOLDER)) ? "was written." : "is as it was."}`);
  },
};

async function statusInState(name: string, files: readonly Migration[]): Promise<VersionStatus[]> {
  const { stack, stop } = await openStack(name, console.error);
  try {
    return statusOf((await appliedSchema(stack))?.outputs, files);
  } finally {
    await stop();
  }
}

run(HELP, async () => {
  const [name = "", ...args] = process.argv.slice(2);
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) throw new UsageError(name === "" ? "Say which command." : `There is no command "${name}".`);
  await command(args);
});
