import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { inspect } from "./preview/inspect";
import { openEmptyStack, openStack } from "./preview/open";
import { stackName } from "./preview/options";
import { run } from "./run";
import { UserError } from "./user-error";

const HELP = `npm run preview -- --stack STACK [OPTIONS]

Shows, as Markdown for a pull request, what an update of the stack would do, with the policies applied. Exit code 1 where
a policy, the guard against loss of data or an error blocks it.

  --stack STACK  local, staging or prod
  --offline      compare with an empty state: needs no credentials, shows everything as new
  --out FILE     write the Markdown to a file instead of to the terminal
  --help         this text
`;

run(HELP, async () => {
  const options = { stack: { type: "string" }, offline: { type: "boolean" }, out: { type: "string" } } as const;
  const { values } = parseArgs({ options });
  const name = stackName(values.stack);
  const offline = values.offline ?? false;
  const { stack, stop } = await (offline ? openEmptyStack : openStack)(name, console.error);
  try {
    const { blocked, markdown } = await inspect(stack, { offline });
    if (values.out === undefined) process.stdout.write(markdown);
    else writeFileSync(values.out, markdown);
    if (blocked) throw new UserError(`An update of ${name} is blocked; the preview says by what.`);
  } finally {
    await stop();
  }
});
