import { parseArgs } from "node:util";
import { confirm } from "./confirm";
import { update } from "./preview/update";
import { openStack } from "./preview/open";
import { stackName } from "./preview/options";
import { run } from "./run";

const HELP = `npm run up -- --stack STACK [OPTIONS]

Shows what npm run preview shows, and carries out exactly that, unless a policy or the guard against loss of data blocks it.

  --stack STACK  local, staging or prod
  --yes          do not ask; nobody is asked either where no terminal is attached
  --help         this text
`;

run(HELP, async () => {
  const { values } = parseArgs({ options: { stack: { type: "string" }, yes: { type: "boolean" } } });
  const name = stackName(values.stack);
  const { stack, stop } = await openStack(name, console.error);
  try {
    const print = (text: string) => process.stdout.write(text);
    const done = await update(stack, {
      print,
      progress: (text) => process.stderr.write(text),
      confirm: () => (values.yes ? Promise.resolve(true) : confirm(`Update ${name}?`)),
    });
    if (!done) console.error("Nothing was changed.");
  } finally {
    await stop();
  }
});
