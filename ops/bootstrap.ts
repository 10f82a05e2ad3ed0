import { parseArgs } from "node:util";
import { Google, GoogleError, type Patience, PROPAGATION } from "../infra/google.ts";
import type { Step } from "./bootstrap/step.ts";
import { poolName, POOL, projectNumber, stepsOf } from "./bootstrap/steps.ts";
import { BRANCH, emailOf, type Target, targetOf } from "./bootstrap/target.ts";
import { type Ask, consent } from "./terminal/consent.ts";
import { endpointsOf } from "./engine/endpoints.ts";
import { stackName } from "./terminal/options.ts";
import { run } from "./terminal/run.ts";
import { UserError } from "./terminal/user-error.ts";
import { BACKENDS, readStackFile } from "./engine/stack-file.ts";

const HELP = `npm run bootstrap -- --stack STACK --repository OWNER/NAME [OPTIONS]

Creates what a stack needs before its first update: the APIs, the bucket of its state, the key that encrypts the
secrets in it, and the two identities of its GitHub pipelines, with their roles. It adds what is missing, leaves existing
resources alone, and revokes roles that the two identities do not need. Requires roles/owner on the project.

  --stack STACK            staging or prod; names the GitHub environment too
  --repository OWNER/NAME  the GitHub repository whose workflows may preview and, from ${BRANCH}, deploy
  --dry-run                print the gcloud commands that create everything, without contacting Google
  --yes                    proceed without asking; required if there is no terminal
  --help                   this text

Credentials: GOOGLE_OAUTH_ACCESS_TOKEN, GOOGLE_CREDENTIALS or application default credentials; with
GOOGLE_IMPERSONATE_SERVICE_ACCOUNT or gcp:impersonateServiceAccount as that account.
`;

/** Retries errors of Google's, and calls to an API that has just been enabled. */
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
  const open: Step[] = [];
  const left: string[] = [];
  for (const step of steps) {
    const obstacle = await step.obstacle?.();
    if (obstacle !== undefined) {
      left.push(`${step.title}: ${obstacle} An administrator must run:`, ...step.commands.map((line) => `  ${line}`));
      continue;
    }
    const lines = await step.plan();
    if (lines.length === 0) continue;
    console.log(`${step.title}\n${lines.map((line) => `  - ${line}`).join("\n")}`);
    open.push(step);
  }
  if (open.length === 0) console.log("Everything exists: nothing to do.");
  else if (await ask("Apply these changes?")) {
    for (const step of open) {
      console.error(`${step.title} ...`);
      await step.apply().catch((error: unknown) => settled(step, error));
    }
    console.log("\nDone.");
  } else {
    console.error("Nothing was changed.");
    return;
  }
  if (left.length > 0) console.log(`\n${left.join("\n")}`);
  console.log(`\n${facts(target, number)}`);
}

/** Ignores an error if nothing is left to do: a retry, or another run, may have done it. */
async function settled(step: Step, error: unknown): Promise<void> {
  if (error instanceof GoogleError && (await step.plan().catch(() => ["unknown"])).length === 0) return;
  const why = error instanceof Error ? error.message : String(error);
  const refused = error instanceof GoogleError ? `Google refused ${error.request}: ${why}` : why;
  throw new UserError(
    `${step.title}: ${refused}\nThe steps before it are done. Run the command again: it goes on from here.`,
  );
}

/** The settings for pipelines and for plain `pulumi`. */
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
    `# What npm run bootstrap creates for stack ${target.stack}. Omit the lines of what already exists.`,
    `NUMBER=$(gcloud projects describe ${project} --format='value(projectNumber)')`,
    ...steps.map(({ commands, title }) => `\n# ${title}\n${commands.join("\n")}`),
    "",
  ].join("\n");
}
