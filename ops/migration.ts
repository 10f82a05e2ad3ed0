import type { Stack } from "@pulumi/pulumi/automation";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { parseDocument } from "yaml";
import { type Migration, readMigrations } from "../infra/migrations/files";
import { GoogleApis } from "../infra/migrations/googleapis";
import { confirm } from "./confirm";
import { locate } from "./doctor/target";
import { DUMP_FILE, writeDump } from "./migration/dump";
import { format, passes } from "./migration/finding";
import { lintMigrations } from "./migration/lint";
import { newMigration } from "./migration/new";
import { type GoToOptions, setSchemaConfig } from "./migration/go-to";
import { restore } from "./migration/restore";
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
import { readStackFile, ROOT, stackPath } from "./stack-file";
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
  restore --stack STACK --backup ID [--yes]
                  put the whole instance back to a backup, where a down script is not enough: says what will be lost,
                  asks, restores, and takes configuration and state to the version that the backup holds
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
    const given = { stack: { type: "string" }, to: { type: "string" }, yes: { type: "boolean" } } as const;
    const { values } = parseArgs({ args, options: given });
    const name = stackName(values.stack);
    await withStack(name, async (stack) => {
      const question = `Take the schema of ${name} back?`;
      if (!(await rollback(stack, values.to, options(name, stack, question, values.yes)))) say("Nothing was changed.");
    });
  },

  async restore(args) {
    const given = { stack: { type: "string" }, backup: { type: "string" }, yes: { type: "boolean" } } as const;
    const { backup, stack: stackGiven, yes } = parseArgs({ args, options: given }).values;
    const name = stackName(stackGiven);
    if (backup === undefined) throw new UsageError("Which backup? Add --backup ID; `status` names them.");
    if (!/^\d+$/.test(backup)) throw new UsageError(`"${backup}" is not the id of a backup, which is a number.`);
    await withStack(name, async (stack) => {
      const { endpoints, token } = locate({ stack: name }, ROOT);
      const question = `Put ${name} back to backup ${backup} and lose what was written since?`;
      const google = new GoogleApis(endpoints, token);
      if (!(await restore(stack, google, backup, options(name, stack, question, yes)))) say("Nothing was changed.");
    });
  },

  async dump(args) {
    parseArgs({ args });
    console.log(`migrations/${DUMP_FILE} ${(await writeDump(FOLDER)) ? "was written." : "is as it was."}`);
  },
};

function statusInState(name: string, files: readonly Migration[]): Promise<VersionStatus[]> {
  return withStack(name, async (stack) => statusOf((await appliedSchema(stack))?.outputs, files));
}

async function withStack<T>(name: string, work: (stack: Stack) => Promise<T>): Promise<T> {
  const { stack, stop } = await openStack(name, say);
  try {
    return await work(stack);
  } finally {
    await stop();
  }
}

/** How a command takes the schema to a version that it writes into the stack's file. */
function options(name: string, stack: Stack, question: string, yes = false): GoToOptions {
  const file = stackPath(name);
  const before = readFileSync(file, "utf8");
  const write = async (text: string) => {
    writeFileSync(file, text);
    // The engine's own copy, where it works on one.
    if (stack.workspace.workDir !== ROOT)
      await setSchemaConfig(stack, Object(readStackFile(name).config?.[KEY]) as object);
  };
  return {
    write: async (version) => {
      const document = parseDocument(before);
      document.setIn(["config", KEY, "version"], version);
      await write(document.toString());
      return () => write(before);
    },
    confirm: () => (yes ? Promise.resolve(true) : confirm(question)),
    print: (text) => process.stdout.write(text),
    progress: (text) => process.stderr.write(text),
    say,
  };
}

const KEY = "settlement:schema";

function say(line: string): void {
  console.error(line);
}

run(HELP, async () => {
  const [name = "", ...args] = process.argv.slice(2);
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) throw new UsageError(name === "" ? "Say which command." : `There is no command "${name}".`);
  await command(args);
});
