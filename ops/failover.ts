import { parseArgs } from "node:util";
import { Google } from "../infra/google.ts";
import { patience } from "../infra/migrations/importer.ts";
import { frontendUrl } from "../infra/names.ts";
import { endpointsOf } from "./engine/endpoints.ts";
import { openStack } from "./engine/open.ts";
import { readStackFile, ROOT, setInStackFile } from "./engine/stack-file.ts";
import { requireConfig } from "./engine/stack-values.ts";
import { tokenOf } from "./engine/token.ts";
import { failover } from "./failover/failover.ts";
import { consent } from "./terminal/consent.ts";
import { providerChoice, PROVIDERS, PROVIDERS_HELP, stackName } from "./terminal/options.ts";
import { run } from "./terminal/run.ts";
import { screenOf } from "./terminal/screen.ts";

/** How long a region may give no answer before it counts as lost, in milliseconds. */
const UNTIL_LOST = 20_000;

const HELP = `npm run failover -- --stack STACK [OPTIONS]

Makes the replica in the second region the primary, or the other way round, and lets the service in that region use it: shows what
changes and what may be lost, asks, promotes the replica, and carries out an update, which tests the service there before it gets
traffic. What is in a region that does not answer stays as it is; run it again once it does. If interrupted, run it again to resume.
It writes into settlement:database.replica of the stack's file; commit that. See docs/DEPLOYMENT.md, "A lost region".

  --stack STACK  local, staging or prod
  --drill        change places and come back, which loses nothing; needs edition ENTERPRISE_PLUS
  --yes          do not ask for confirmation; required without a terminal
  --providers P  ${PROVIDERS_HELP}
  --help         this text
`;

run(HELP, async () => {
  const { values } = parseArgs({
    options: { ...PROVIDERS, stack: { type: "string" }, drill: { type: "boolean" }, yes: { type: "boolean" } },
  });
  const name = stackName(values.stack);
  const choice = providerChoice(values.providers);
  const confirm = consent(values.yes);
  const { stack, stop } = await openStack(name, console.error, choice);
  try {
    const { workDir } = stack.workspace;
    const endpoints = endpointsOf(readStackFile(name, workDir).config ?? {});
    const token = tokenOf(stack);
    const google = new Google(endpoints, {
      token,
      patience: (error, call) => (error.status === 403 ? 0 : patience(error, call)),
    });
    const probe = new Google(endpoints, {
      token,
      deadline: 10_000,
      patience: ({ busy, status }) => (busy || status === undefined ? UNTIL_LOST : 0),
    });
    const config = requireConfig(name);
    const reached = await failover(stack, {
      config,
      drill: values.drill ?? false,
      google,
      probe,
      write: (promoted, underway) => {
        for (const [key, value] of Object.entries({ promoted, underway })) {
          setInStackFile(name, ["settlement:database", "replica", key], value, [ROOT, workDir]);
        }
      },
      confirm,
      print: ({ text }) => process.stdout.write(text(screenOf())),
      progress: (text) => process.stderr.write(text),
      say: console.error,
    });
    if (!reached) {
      console.error("Nothing was changed.");
      return;
    }
    const { frontend } = config;
    const url = frontend ? frontendUrl(frontend.domain) : reached.url;
    console.error(`The primary of ${name} is in ${reached.region}. The service there answers at ${url}`);
    console.error(`Commit Pulumi.${name}.yaml, because the next update uses it.`);
    if (reached.lost === undefined) return;
    console.error(
      `Once ${reached.lost} answers again: npm run failover -- --stack ${name}, which finishes there. Until then it updates the rest.`,
    );
  } finally {
    await stop();
  }
});
