import { parseArgs } from "node:util";
import { confirm } from "./confirm";
import { update } from "./preview/update";
import { openStack } from "./preview/open";
import { stackName } from "./preview/options";
import { run } from "./run";

const HELP = `npm run up -- --stack STACK [OPTIONS]

Shows what npm run preview shows, and carries out exactly that, unless a policy or the guard against loss of data blocks it.

  --stack STACK  local, staging or prod
  --refresh      ask the cloud what is there now, and undo what was changed by hand since the last update
  --yes          do not ask; nobody is asked either where no terminal is attached
  --help         this text
`;

run(HELP, async () => {
  const options = { stack: { type: "string" }, refresh: { type: "boolean" }, yes: { type: "boolean" } } as const;
  const { values } = parseArgs({ options });
  const name = stackName(values.stack);
  const { stack, stop } = await openStack(name, console.error);
  try {
    const print = (text: string) => process.stdout.write(text);
    const done = await update(stack, {
      refresh: values.refresh ?? false,
      print,
      progress: (text) => process.stderr.write(text),
      confirm: () => (values.yes ? Promise.resolve(true) : confirm(`Update ${name}?`)),
    });
    if (!done) console.error("Nothing was changed.");
  } finally {
    await stop();
  }
});
