import { parseArgs } from "node:util";
import { validCredentials, loginOf } from "../infra/rotation.ts";
import { consent } from "./terminal/consent.ts";
import { openStack } from "./engine/open.ts";
import { stackName } from "./terminal/options.ts";
import { rotate } from "./rotation/rotate.ts";
import { run } from "./terminal/run.ts";
import { ROOT, setInStackFile } from "./engine/stack-file.ts";
import { requireConfig } from "./engine/stack-values.ts";

const HELP = `npm run rotate -- --stack STACK [OPTIONS]

Renews the credential of the database without a failed request, in two updates; each is shown and asked for like npm run up.
The login that rests gets a new password and a new revision of the service; then, when no revision with traffic uses the
other login any more, that one's password changes too. Interrupted, it is run again and goes on from there. It writes
settlement:rotation.step into the stack's file, which is to be committed. docs/ROTATION.md says more.

  --stack STACK  local, staging or prod
  --yes          do not ask; without a terminal to ask on, the command stops unless this is given
  --help         this text
`;

run(HELP, async () => {
  const { values } = parseArgs({ options: { stack: { type: "string" }, yes: { type: "boolean" } } });
  const name = stackName(values.stack);
  const confirm = consent(values.yes);
  const { stack, stop } = await openStack(name, console.error);
  try {
    const reached = await rotate(stack, {
      step: requireConfig(name).rotation.step,
      write: (step) => {
        setInStackFile(name, ["settlement:rotation", "step"], step, [ROOT, stack.workspace.workDir]);
      },
      confirm,
      print: (text) => process.stdout.write(text),
      progress: (text) => process.stderr.write(text),
      say: console.error,
    });
    for (const line of outcome(name, reached)) console.error(line);
  } finally {
    await stop();
  }
});

/** What there is to say in the end. */
function outcome(stack: string, step: number | undefined): string[] {
  if (step === undefined) return ["Nothing was changed."];
  const [newest] = validCredentials(step);
  return [
    step % 2 === 0
      ? `${loginOf(newest)} of ${stack} works with a new password, and the former credential is refused.`
      : `Both logins of ${stack} work; run this again to end that.`,
    `Pulumi.${stack}.yaml says settlement:rotation.step ${step}: commit it, because the next update follows it.`,
  ];
}
