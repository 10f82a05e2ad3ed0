import { parseArgs } from "node:util";
import { Google, GoogleError, type Patience, PROPAGATION } from "../infra/google.ts";
import { poolName, POOL, projectNumber, stepsOf } from "./bootstrap/steps.ts";
import { BRANCH, emailOf, type Target, targetOf } from "./bootstrap/target.ts";
import { type Ask, consent } from "./terminal/consent.ts";
import { endpointsOf } from "./engine/endpoints.ts";
import { stackName } from "./terminal/options.ts";
import { run } from "./terminal/run.ts";
import { UserError } from "./terminal/user-error.ts";
import { BACKENDS, readStackFile } from "./engine/stack-file.ts";

const HELP = `npm run bootstrap -- --stack STACK --repository OWNER/NAME [OPTIONS]

Makes what must be there before the first update of a stack, and cannot be part of it: the APIs to begin with, the bucket
of its state, the key that encrypts the secrets in it, and the two identities of its pipelines on GitHub, with their roles.
What is there is left alone, and what is missing is added; where nothing is missing, nothing is done. Roles of the two
identities that nothing needs are taken away. roles/owner on the project can do it.

  --stack STACK            staging or prod; names the GitHub environment too
  --repository OWNER/NAME  the repository on GitHub whose workflows may preview and, from ${BRANCH}, deploy
  --dry-run                print the gcloud commands that make all of it from nothing; asks Google nothing
  --yes                    do not ask; without a terminal to ask on, the command stops unless this is given
  --help                   this text

The caller is GOOGLE_OAUTH_ACCESS_TOKEN, or else application default credentials.
`;

/** A fault of Google's may pass; and an API that was enabled just now is not at once seen to be. */
const patience: Patience = ({ busy, disabled }) => (busy || disabled ? PROPAGATION : 0);

run(HELP, async () => {
  const options = {
    stack: { type: "string" },
    repository: { type: "string" },
    "dry-run": { type: "boolean" },
    yes: { type: "boolean" },
  } as const;
  const { values } = parseArgs({ options });
  const target = targetOf(stackName(values.stack), values.repository);
  const google = new Google(endpointsOf(readStackFile(target.stack).config ?? {}), { patience });
  if (values["dry-run"]) {
    process.stdout.write(script(target, google));
    return;
  }
  await bootstrap(target, google, consent(values.yes)).catch((error: unknown) => {
    if (!(error instanceof GoogleError) || [undefined, 401].includes(error.status)) throw error;
    throw new UserError(`Google refused ${error.request}: ${error.message}`);
  });
});

async function bootstrap(target: Target, google: Google, ask: Ask): Promise<void> {
  const { config, repository, stack } = target;
  const number = await projectNumber(target, google);
  const steps = stepsOf(target, google, number);
  console.log(`Stack ${stack} in project ${config.project}, for ${repository}\n`);
  const open = [];
  for (const step of steps) {
    const lines = await step.look();
    if (lines.length === 0) continue;
    console.log(`${step.title}\n${lines.map((line) => `  - ${line}`).join("\n")}`);
    open.push(step);
  }
  if (open.length === 0) console.log("Everything is there: nothing to do.");
  else if (await ask("Do this?")) {
    for (const step of open) {
      console.error(`${step.title} ...`);
      await step.make();
    }
    console.log("\nDone.");
  } else {
    console.error("Nothing was changed.");
    return;
  }
  console.log(`\n${facts(target, number)}`);
}

/** What pipelines and users of plain \`pulumi\` are configured with. */
function facts(target: Target, number: string): string {
  const { secretsprovider = "", encryptedkey } = readStackFile(target.stack);
  const backend = BACKENDS[target.stack] ?? "";
  return [
    `PULUMI_BACKEND_URL=${backend}`,
    `workload_identity_provider: ${poolName(number)}/providers/${POOL}`,
    `service_account: ${emailOf("previewer", target)}, to preview`,
    `service_account: ${emailOf("deployer", target)}, to update from ${BRANCH} in the environment ${target.stack}`,
    ...(encryptedkey === undefined
      ? [
          "",
          `Next, once: PULUMI_BACKEND_URL=${backend} pulumi stack init ${target.stack} --secrets-provider=${secretsprovider}`,
          `It writes encryptedkey into Pulumi.${target.stack}.yaml: commit it.`,
        ]
      : []),
  ].join("\n");
}

function script(target: Target, google: Google): string {
  const { project } = target.config;
  const steps = stepsOf(target, google, "$NUMBER");
  return [
    `# What npm run bootstrap makes for stack ${target.stack}. Where some of it is there already, leave out its lines.`,
    `NUMBER=$(gcloud projects describe ${project} --format='value(projectNumber)')`,
    ...steps.map(({ commands, title }) => `\n# ${title}\n${commands.join("\n")}`),
    "",
  ].join("\n");
}
