import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { describeLocks, locksOf } from "./engine/locks.ts";
import { originOf } from "./preview/origin.ts";
import { inspect, type Inspection, refuse } from "./preview/inspect.ts";
import { commentOf } from "./preview/comment.ts";
import { openOffline, openSnapshot, openStack, type OpenStack } from "./engine/open.ts";
import { type ProviderChoice, providerChoice, PROVIDERS, PROVIDERS_HELP, stackName } from "./terminal/options.ts";
import { readSnapshot, secretContents, type Snapshot } from "./engine/snapshot.ts";
import { run } from "./terminal/run.ts";
import { screenOf } from "./terminal/screen.ts";
import { configProblem } from "./engine/stack-values.ts";
import { ROOT } from "./engine/stack-file.ts";
import { driftByImport } from "./migration/drift-by-import.ts";
import { readMigrations } from "../infra/migrations/files.ts";
import { UsageError, UserError } from "./terminal/user-error.ts";

const HELP = `npm run preview -- --stack STACK [OPTIONS]

Shows what an update of the stack would do, with the policies applied: on the terminal, or as Markdown for a pull request.

  --stack STACK  local, staging or prod
  --offline      without credentials: compare with the snapshot that npm run up -- --publish wrote to .local/snapshots, or,
                 if there is none, with an empty state, so that everything shows as new
  --refresh      read the cloud's current state, and show what was changed manually since the last update, in the schema too
  --snapshot     like --refresh, but compare with that snapshot, which needs no access to the state's key; ignores the
                 contents of secrets
  --out FILE     write Markdown to a file instead of printing to the terminal
  --comment      write Markdown into the stack's comment on the pull request, in a job of GitHub Actions; if GitHub does not
                 take it, into the job's summary
  --providers P  ${PROVIDERS_HELP}
  --help         this text

What is wrong is a policy, the data-loss guard or an error that blocks the update, and what --refresh or --snapshot finds.
`;

run(HELP, async () => {
  const options = {
    ...PROVIDERS,
    stack: { type: "string" },
    offline: { type: "boolean" },
    refresh: { type: "boolean" },
    snapshot: { type: "boolean" },
    out: { type: "string" },
    comment: { type: "boolean" },
  } as const;
  const { values } = parseArgs({ options });
  const name = stackName(values.stack);
  const choice = providerChoice(values.providers);
  const given = (["offline", "refresh", "snapshot"] as const).filter((mode) => values[mode]);
  if (given.length > 1) {
    const [first = "", second = ""] = given;
    throw new UsageError(`--${first} and --${second} are mutually exclusive: give only one.`);
  }
  const comment = values.comment ? commentOf(name) : undefined;
  const { blocked, drifted, markdown, text } = await preview(name, choice, given[0]);
  if (values.out === undefined) process.stdout.write(text(screenOf()));
  else write(values.out, markdown);
  const elsewhere = await comment?.write(markdown);
  if (elsewhere !== undefined) console.error(elsewhere);
  if (blocked) throw new UserError(`The update of ${name} is blocked; the preview says why.`);
  if (drifted) process.exitCode = 1;
});

function write(path: string, markdown: string): void {
  try {
    writeFileSync(path, markdown);
  } catch (error) {
    throw new UserError(`Cannot write the preview: ${(error as Error).message}.`);
  }
}

/** What to compare with instead of the state as it is. */
type Mode = "offline" | "refresh" | "snapshot";

async function preview(name: string, choice: ProviderChoice, mode?: Mode): Promise<Inspection> {
  const origin = originOf();
  const problem = configProblem(name);
  if (problem !== undefined) return refuse(name, problem, origin);
  const offline = mode === "offline" || mode === "snapshot";
  const snapshot = offline ? readSnapshot(name) : undefined;
  const { stack, stop } = await open(name, choice, mode, snapshot);
  try {
    const locks = await locksOf(stack);
    if (locks.length > 0) console.error(describeLocks(stack, locks));
    const inspection = await inspect(stack, {
      origin,
      offline,
      snapshot,
      refresh: mode === "refresh" || mode === "snapshot",
      schema: mode === "refresh" ? () => driftByImport(stack, readMigrations(join(ROOT, "migrations"))) : undefined,
      exclude: mode === "snapshot" && snapshot ? secretContents(snapshot) : [],
    });
    const { pending } = inspection;
    if (pending.length > 0) console.error(`An update was interrupted at ${pending.join(", ")}; npm run up resumes it.`);
    return inspection;
  } finally {
    await stop();
  }
}

function open(
  name: string,
  choice: ProviderChoice,
  mode: Mode | undefined,
  snapshot: Snapshot | undefined,
): Promise<OpenStack> {
  if (mode === "offline") return openOffline(name, snapshot, console.error, choice);
  if (mode !== "snapshot") return openStack(name, console.error, choice);
  if (snapshot) return openSnapshot(name, snapshot, console.error, choice);
  throw new UserError(
    `.local/snapshots has no snapshot of ${name}: create one with npm run up -- --stack ${name} --publish.`,
  );
}
