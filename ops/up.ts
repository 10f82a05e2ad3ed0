import { parseArgs } from "node:util";
import { consent } from "./terminal/consent.ts";
import { schemaParts } from "./migration/go-to.ts";
import { appliedSchema } from "./migration/status.ts";
import { update } from "./preview/update.ts";
import { openStack } from "./engine/open.ts";
import { publishSnapshot } from "./engine/snapshot.ts";
import { stackName } from "./terminal/options.ts";
import { run } from "./terminal/run.ts";

const HELP = `npm run up -- --stack STACK [OPTIONS]

Shows what npm run preview shows, and carries out exactly that, unless a policy or the guard against loss of data blocks it.

  --stack STACK  local, staging or prod
  --refresh      ask the cloud what is there now, and undo what was changed by hand since the last update
  --migrations   no more than the schema, where it is there already: the migrations that are pending
  --take-over    take over what is there already and not in the state, where an update has stopped at it
  --yes          do not ask; without a terminal to ask on, the command stops unless this is given
  --publish      afterwards write the state without its secrets to .local/snapshots, for npm run preview -- --offline
  --help         this text
`;

run(HELP, async () => {
  const options = {
    stack: { type: "string" },
    refresh: { type: "boolean" },
    yes: { type: "boolean" },
    migrations: { type: "boolean" },
    "take-over": { type: "boolean" },
    publish: { type: "boolean" },
  } as const;
  const { values } = parseArgs({ options });
  const name = stackName(values.stack);
  const ask = consent(values.yes);
  const { stack, stop } = await openStack(name, console.error);
  try {
    const schema = values.migrations ? await appliedSchema(stack) : undefined;
    if (values.migrations && !schema) {
      console.error("There is no database yet: the first update of the stack makes it, and its schema.");
      return;
    }
    const print = (text: string) => process.stdout.write(text);
    const done = await update(stack, {
      refresh: values.refresh ?? false,
      takeOver: values["take-over"] ?? false,
      target: schema ? [schemaParts(name)] : [],
      print,
      progress: (text) => process.stderr.write(text),
      confirm: () => ask(`Update ${name}?`),
    });
    if (!done) console.error("Nothing was changed.");
    else if (values.publish) console.error(`Snapshot        ${await publishSnapshot(stack)}`);
  } finally {
    await stop();
  }
});
