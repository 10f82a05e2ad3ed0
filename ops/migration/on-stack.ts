import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { userInfo } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Google } from "../../infra/google.ts";
import { readMigrations, readRepeatables } from "../../infra/migrations/files.ts";
import { patience } from "../../infra/migrations/importer.ts";
import type { Repair } from "../../infra/migrations/repairs.ts";
import { consent } from "../terminal/consent.ts";
import { withCloud } from "../engine/cloud.ts";
import { locate } from "../engine/target.ts";
import { openStack } from "../engine/open.ts";
import { type ProviderChoice, providerChoice, PROVIDERS, stackName } from "../terminal/options.ts";
import { readStackFile, ROOT, setInStackFile } from "../engine/stack-file.ts";
import { screenOf } from "../terminal/screen.ts";
import { UsageError } from "../terminal/user-error.ts";
import { driftByImport } from "./drift-by-import.ts";
import { fileOf } from "./drift.ts";
import type { GoToOptions } from "./go-to.ts";
import { recreate } from "./recreate.ts";
import { repair } from "./repair.ts";
import { restore, restoreKept } from "./restore.ts";
import { rollback } from "./rollback.ts";
import {
  appliedSchema,
  driftByLogin,
  formatDrift,
  formatStatus,
  FROM_DATABASE,
  FROM_STATE,
  recorded,
  statusOf,
  statusOfRecorded,
} from "./status.ts";

const FOLDER = join(ROOT, "migrations");

/** The options of commands that only read. */
const READS = {
  ...PROVIDERS,
  stack: { type: "string" },
  socket: { type: "string" },
  json: { type: "boolean" },
} as const;

/** `npm run migration -- status`. */
export async function statusCommand(args: string[]): Promise<void> {
  const { json = false, providers, socket, stack } = parseArgs({ args, options: READS }).values;
  const name = stackName(stack);
  const choice = providerChoice(providers);
  const [files, repeatables] = [readMigrations(FOLDER), readRepeatables(FOLDER)];
  const versions =
    socket === undefined
      ? await withStack(name, choice, async (stack) =>
          statusOf((await appliedSchema(stack))?.outputs, files, repeatables),
        )
      : statusOfRecorded(await withCloud(name, say, () => recorded(name, socket, files)), files, repeatables);
  const source = socket === undefined ? FROM_STATE : FROM_DATABASE;
  console.log(json ? JSON.stringify({ source, versions }, undefined, 2) : formatStatus(versions, source));
}

/** `npm run migration -- drift`. */
export async function driftCommand(args: string[]): Promise<void> {
  const { json = false, providers, socket, stack } = parseArgs({ args, options: READS }).values;
  const name = stackName(stack);
  const choice = providerChoice(providers);
  const files = readMigrations(FOLDER);
  const drift =
    socket === undefined
      ? await withStack(name, choice, (stack) => driftByImport(stack, files))
      : await withCloud(name, say, () => driftByLogin(name, socket, files));
  console.log(json ? JSON.stringify(drift, undefined, 2) : formatDrift(drift));
  if (drift.differences.length > 0) process.exitCode = 1;
}

/** `npm run migration -- rollback`. */
export async function rollbackCommand(args: string[]): Promise<void> {
  const given = { ...PROVIDERS, stack: { type: "string" }, to: { type: "string" }, yes: { type: "boolean" } } as const;
  const { values } = parseArgs({ args, options: given });
  const name = stackName(values.stack);
  const choice = providerChoice(values.providers);
  const ask = consent(values.yes);
  await withStack(name, choice, async (stack) => {
    const confirm = () => ask(`Roll back the schema of ${name}?`);
    if (!(await rollback(stack, values.to, options(name, stack, confirm)))) say("Nothing was changed.");
  });
}

/** `npm run migration -- repair`. */
export async function repairCommand(args: string[]): Promise<void> {
  const given = {
    ...PROVIDERS,
    stack: { type: "string" },
    version: { type: "string" },
    why: { type: "string" },
    yes: { type: "boolean" },
  } as const;
  const { providers, stack: stackGiven, version, why, yes } = parseArgs({ args, options: given }).values;
  const name = stackName(stackGiven);
  const choice = providerChoice(providers);
  if (version === undefined) throw new UsageError("Name a version: --version VERSION; `status` lists them.");
  if (why === undefined || why.trim() === "") throw new UsageError("Say why, for those who look later: --why REASON.");
  const ask = consent(yes);
  const file = fileOf(readMigrations(FOLDER), version);
  const about = {
    why,
    by: userInfo().username,
    at: `${new Date().toISOString().slice(0, 19).replace("T", " ")} UTC`,
  };
  await withStack(name, choice, async (stack) => {
    const confirm = () => ask(`Record version ${version} in ${name} without running it?`);
    const folders = [ROOT, stack.workspace.workDir];
    const done = await repair(stack, file, about, {
      ...options(name, stack, confirm),
      write: (entry) => {
        const schema = readStackFile(name, stack.workspace.workDir).config?.["settlement:schema"];
        const { repairs = [] } = (schema ?? {}) as { repairs?: Repair[] };
        return setInStackFile(name, ["settlement:schema", "repairs"], [...repairs, entry], folders);
      },
    });
    if (!done) say("Nothing was changed.");
  });
}

/** `npm run migration -- restore`. */
export async function restoreCommand(args: string[]): Promise<void> {
  const given = {
    ...PROVIDERS,
    stack: { type: "string" },
    backup: { type: "string" },
    yes: { type: "boolean" },
  } as const;
  const { backup, providers, stack: stackGiven, yes } = parseArgs({ args, options: given }).values;
  const name = stackName(stackGiven);
  const choice = providerChoice(providers);
  if (backup === undefined) throw new UsageError("Name a backup: --backup ID; `status` lists them.");
  const kept = /^projects\/[^/]+\/backups\/[^/]+$/.test(backup);
  if (!kept && !/^\d+$/.test(backup)) {
    throw new UsageError(`"${backup}" is not a backup; expected its number, or projects/PROJECT/backups/ID.`);
  }
  const ask = consent(yes);
  await withStack(name, choice, async (stack) => {
    const { endpoints, token } = locate({ stack: name }, ROOT);
    const confirm = () => ask(`Restore ${name} from backup ${backup} and lose everything written since?`);
    const google = new Google(endpoints, { patience, token });
    const done = await (kept ? restoreKept : restore)(stack, google, backup, options(name, stack, confirm));
    if (!done) say("Nothing was changed.");
  });
}

/** `npm run migration -- recreate`. */
export async function recreateCommand(args: string[]): Promise<void> {
  const given = { ...PROVIDERS, stack: { type: "string" }, yes: { type: "boolean" } } as const;
  const { providers, stack: stackGiven, yes } = parseArgs({ args, options: given }).values;
  const name = stackName(stackGiven);
  const choice = providerChoice(providers);
  const ask = consent(yes);
  await withStack(name, choice, async (stack) => {
    const { endpoints, token } = locate({ stack: name }, ROOT);
    const google = new Google(endpoints, { patience, token });
    const confirm = () => ask(`Create the missing tables of ${name}, empty?`);
    const done = await recreate(stack, google, readMigrations(FOLDER), readRepeatables(FOLDER), { confirm, say });
    if (!done) say("Nothing was changed.");
  });
}

async function withStack<T>(name: string, choice: ProviderChoice, work: (stack: Stack) => Promise<T>): Promise<T> {
  const { stack, stop } = await openStack(name, say, choice);
  try {
    return await work(stack);
  } finally {
    await stop();
  }
}

function options(name: string, stack: Stack, confirm: () => Promise<boolean>): GoToOptions {
  return {
    write: (version) =>
      setInStackFile(name, ["settlement:schema", "version"], version, [ROOT, stack.workspace.workDir]),
    confirm,
    print: ({ text }) => process.stdout.write(text(screenOf())),
    progress: (text) => process.stderr.write(text),
    say,
  };
}

function say(line: string): void {
  console.error(line);
}
