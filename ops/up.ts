import { parseArgs } from "node:util";
import type { StackConfig } from "../infra/config.ts";
import { ROOT, setInStackFile } from "./engine/stack-file.ts";
import { consent } from "./terminal/consent.ts";
import { schemaParts } from "./migration/go-to.ts";
import { appliedSchema } from "./migration/status.ts";
import { update } from "./update/update.ts";
import { forgetInstance, requireLost } from "./engine/lost-instance.ts";
import { requireConfig } from "./engine/stack-values.ts";
import { UserError } from "./terminal/user-error.ts";
import { openStack } from "./engine/open.ts";
import { commitOf } from "./engine/commit.ts";
import { publishSnapshot } from "./engine/snapshot.ts";
import { providerChoice, PROVIDERS, PROVIDERS_HELP, stackName } from "./terminal/options.ts";
import { run } from "./terminal/run.ts";
import { screenOf } from "./terminal/screen.ts";

const HELP = `npm run up -- --stack STACK [OPTIONS]

Shows the same preview as npm run preview, and carries out exactly that, unless a policy or the data-loss guard blocks it.

  --stack STACK  local, staging or prod
  --refresh      read the cloud's current state, and undo what was changed manually since the last update
  --migrations   only apply the pending migrations; does nothing if the database does not exist yet
  --new-instance create another instance in place of one that was deleted: says what is lost, and asks
  --take-over    import existing resources after an update failed with "already exists"
  --yes          do not ask for confirmation; required without a terminal
  --publish      afterwards write the state without its secrets to .local/snapshots, for npm run preview -- --offline
  --providers P  ${PROVIDERS_HELP}
  --help         this text
`;

/** Whether the configuration says of a replica what is not so of a new one. */
function isInRole({ database: { replica } }: StackConfig): boolean {
  return replica?.promoted === true || replica?.disasterRecovery === true;
}

const SECRET_VERSION = "gcp:secretmanager/secretVersion:SecretVersion";

run(HELP, async () => {
  const options = {
    ...PROVIDERS,
    stack: { type: "string" },
    refresh: { type: "boolean" },
    yes: { type: "boolean" },
    migrations: { type: "boolean" },
    "new-instance": { type: "boolean" },
    "take-over": { type: "boolean" },
    publish: { type: "boolean" },
  } as const;
  const { values } = parseArgs({ options });
  const name = stackName(values.stack);
  const choice = providerChoice(values.providers);
  const ask = consent(values.yes);
  const commit = values.publish ? commitOf() : undefined;
  const config = requireConfig(name);
  if (config.database.replica?.underway) {
    throw new UserError(`A failover of ${name} is underway. Finish it first: npm run failover -- --stack ${name}`);
  }
  const { stack, stop } = await openStack(name, console.error, choice);
  try {
    const schema = values.migrations ? await appliedSchema(stack) : undefined;
    if (values.migrations && !schema) {
      console.error("The database does not exist yet: the first update of the stack creates it and its schema.");
      return;
    }
    if (values["new-instance"]) {
      const lost = await requireLost(stack);
      console.error(lost);
      if (!(await ask("Create a new, empty instance?"))) {
        console.error("Nothing was changed.");
        return;
      }
      await forgetInstance(stack);
      if (isInRole(config)) {
        for (const key of ["promoted", "disasterRecovery"]) {
          setInStackFile(name, ["settlement:database", "replica", key], false, [ROOT, stack.workspace.workDir]);
        }
        console.error(
          `The new primary is in ${config.region}, and Cloud SQL designates no replica that does not exist yet: see what changed ` +
            `in Pulumi.${name}.yaml, and commit it.`,
        );
      }
    }
    const done = await update(stack, {
      refresh: values.refresh ?? false,
      takeOver: values["take-over"] ?? false,
      target: schema ? [schemaParts(name)] : [],
      print: ({ text }) => process.stdout.write(text(screenOf())),
      progress: (text) => process.stderr.write(text),
      confirm: () => ask(`Update ${name}?`),
      // Strings for a lost instance are of no use.
      agreed: ({ change }) => values["new-instance"] === true && change.type === SECRET_VERSION,
    });
    if (!done) console.error("Nothing was changed.");
    else if (commit !== undefined) console.error(`Snapshot        ${await publishSnapshot(stack, commit)}`);
  } finally {
    await stop();
  }
});
