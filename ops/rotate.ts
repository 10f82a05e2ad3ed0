import { parseArgs } from "node:util";
import { validCredentials, loginOf } from "../infra/rotation.ts";
import { consent } from "./terminal/consent.ts";
import { openStack } from "./engine/open.ts";
import { providerChoice, PROVIDERS, PROVIDERS_HELP, stackName } from "./terminal/options.ts";
import { rotate } from "./rotation/rotate.ts";
import { run } from "./terminal/run.ts";
import { screenOf } from "./terminal/screen.ts";
import { ROOT, setInStackFile } from "./engine/stack-file.ts";
import { requireConfig } from "./engine/stack-values.ts";

const HELP = `npm run rotate -- --stack STACK [OPTIONS]

Rotates the database credential without a failed request, in two updates, each previewed and confirmed as in npm run up: the
idle login gets a new password and a new revision of the service that uses it; once no revision with traffic uses the other
login, its password changes too. If interrupted, run it again to resume. It writes settlement:rotation.step into the stack's
file; commit that. See docs/ROTATION.md.

  --stack STACK  local, staging or prod
  --yes          do not ask for confirmation; required without a terminal
  --providers P  ${PROVIDERS_HELP}
  --help         this text
`;

run(HELP, async () => {
  const { values } = parseArgs({ options: { ...PROVIDERS, stack: { type: "string" }, yes: { type: "boolean" } } });
  const name = stackName(values.stack);
  const choice = providerChoice(values.providers);
  const confirm = consent(values.yes);
  const { stack, stop } = await openStack(name, console.error, choice);
  try {
    const reached = await rotate(stack, {
      step: requireConfig(name).rotation.step,
      write: (step) => {
        setInStackFile(name, ["settlement:rotation", "step"], step, [ROOT, stack.workspace.workDir]);
      },
      confirm,
      print: ({ text }) => process.stdout.write(text(screenOf())),
      progress: (text) => process.stderr.write(text),
      say: console.error,
    });
    for (const line of outcome(name, reached)) console.error(line);
  } finally {
    await stop();
  }
});

function outcome(stack: string, step: number | undefined): string[] {
  if (step === undefined) return ["Nothing was changed."];
  const [newest] = validCredentials(step);
  return [
    step % 2 === 0
      ? `${loginOf(newest)} of ${stack} has a new password, and the former credential is revoked.`
      : `Both logins of ${stack} work; run this again to revoke the former credential.`,
    `Pulumi.${stack}.yaml has settlement:rotation.step ${step}: commit it, because the next update uses it.`,
  ];
}
