import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { inspect, type Inspection, refuse } from "./preview/inspect";
import { openEmptyStack, openStack } from "./preview/open";
import { stackName } from "./preview/options";
import { run } from "./run";
import { configProblem } from "./stack-file";
import { UsageError, UserError } from "./user-error";

const HELP = `npm run preview -- --stack STACK [OPTIONS]

Shows, as Markdown for a pull request, what an update of the stack would do, with the policies applied.

  --stack STACK  local, staging or prod
  --offline      compare with an empty state: needs no credentials, shows everything as new
  --refresh      ask the cloud what is there now, and show what was changed by hand since the last update
  --out FILE     write the Markdown to a file instead of to the terminal
  --help         this text

Exit code: 0 the update can be carried out, 1 a policy, the guard against loss of data or an error blocks it, 2 with
--refresh something was changed by hand. A wrong command line is 2 too: then standard output is empty.
`;

run(HELP, async () => {
  const options = {
    stack: { type: "string" },
    offline: { type: "boolean" },
    refresh: { type: "boolean" },
    out: { type: "string" },
  } as const;
  const { values } = parseArgs({ options });
  const name = stackName(values.stack);
  const { offline = false, refresh = false } = values;
  if (offline && refresh)
    throw new UsageError("--refresh asks the cloud, and --offline does without: give one of them.");
  const { blocked, drifted, markdown } = await preview(name, offline, refresh);
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

async function preview(name: string, offline: boolean, refresh: boolean): Promise<Inspection> {
  const problem = configProblem(name);
  if (problem !== undefined) return refuse(name, problem);
  const { stack, stop } = await (offline ? openEmptyStack : openStack)(name, console.error);
  try {
    return await inspect(stack, { offline, refresh });
  } finally {
    await stop();
  }
}
