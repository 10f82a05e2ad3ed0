import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { describeLocks, locksOf } from "./engine/locks.ts";
import { inspect, type Inspection, refuse } from "./preview/inspect.ts";
import { writeComment } from "./preview/comment.ts";
import { openOffline, openSnapshot, openStack, type OpenStack } from "./engine/open.ts";
import { stackName } from "./terminal/options.ts";
import { readSnapshot, secretContents, type Snapshot } from "./engine/snapshot.ts";
import { run } from "./terminal/run.ts";
import { configProblem } from "./engine/stack-values.ts";
import { UsageError, UserError } from "./terminal/user-error.ts";

const HELP = `npm run preview -- --stack STACK [OPTIONS]

Shows, as Markdown for a pull request, what an update of the stack would do, with the policies applied.

  --stack STACK  local, staging or prod
  --offline      without credentials: compare with the snapshot that npm run up -- --publish left in .local/snapshots,
                 or, where there is none, with an empty state, so that everything shows as new
  --refresh      ask the cloud what is there now, and show what was changed by hand since the last update
  --snapshot     as --refresh, but compared with that snapshot, for whoever cannot decrypt the state: what is in secrets is
                 not looked at
  --out FILE     write the Markdown to a file instead of to the terminal
  --comment      write the Markdown into the stack's comment on the pull request, in a job of GitHub Actions
  --help         this text

Exit code: 0 the update can be carried out, 1 a policy, the guard against loss of data or an error blocks it, 2 with
--refresh or --snapshot something was changed by hand. A wrong command line is 2 too: then standard output is empty.
`;

run(HELP, async () => {
  const options = {
    stack: { type: "string" },
    offline: { type: "boolean" },
    refresh: { type: "boolean" },
    snapshot: { type: "boolean" },
    out: { type: "string" },
    comment: { type: "boolean" },
  } as const;
  const { values } = parseArgs({ options });
  const name = stackName(values.stack);
  const given = (["offline", "refresh", "snapshot"] as const).filter((way) => values[way]);
  if (given.length > 1) {
    const [first = "", second = ""] = given;
    throw new UsageError(`--${first} and --${second} compare with different things: give one of them.`);
  }
  const { blocked, drifted, markdown } = await preview(name, given[0]);
  if (values.comment) await writeComment(name, markdown);
  if (values.out === undefined) process.stdout.write(markdown);
  else write(values.out, markdown);
  if (blocked) throw new UserError(`An update of ${name} is blocked; the preview says by what.`);
  if (drifted) process.exitCode = 2;
});

function write(path: string, markdown: string): void {
  try {
    writeFileSync(path, markdown);
  } catch (error) {
    throw new UserError(`The preview was not written: ${(error as Error).message}.`);
  }
}

/** What a preview is compared with: by default the state alone. */
type Way = "offline" | "refresh" | "snapshot";

async function preview(name: string, way?: Way): Promise<Inspection> {
  const problem = configProblem(name);
  if (problem !== undefined) return refuse(name, problem);
  const snapshot = way === "offline" || way === "snapshot" ? readSnapshot(name) : undefined;
  const { stack, stop } = await open(name, way, snapshot);
  try {
    const locks = await locksOf(stack);
    if (locks.length > 0) console.error(describeLocks(stack, locks));
    const inspection = await inspect(stack, {
      offline: way === "offline" || way === "snapshot",
      snapshot,
      refresh: way === "refresh" || way === "snapshot",
      exclude: way === "snapshot" && snapshot ? secretContents(snapshot) : [],
    });
    const { pending } = inspection;
    if (pending.length > 0)
      console.error(`An update ended in the middle of ${pending.join(", ")}; npm run up goes on there.`);
    return inspection;
  } finally {
    await stop();
  }
}

function open(name: string, way: Way | undefined, snapshot: Snapshot | undefined): Promise<OpenStack> {
  if (way === "offline") return openOffline(name, snapshot, console.error);
  if (way !== "snapshot") return openStack(name, console.error);
  if (snapshot) return openSnapshot(name, snapshot, console.error);
  throw new UserError(
    `There is no snapshot of ${name} in .local/snapshots: npm run up -- --stack ${name} --publish leaves one there.`,
  );
}
