import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { consoleAddress, isHeldOpen } from "./engine/held-open.ts";
import { localFolder } from "./engine/private-folder.ts";
import { run } from "./terminal/run.ts";
import { UserError } from "./terminal/user-error.ts";

const HELP = `npm run console

Prints the address of the console of the local stack that \`npm start -- --keep\` holds open: a page in the browser with the
whole system, its requests and schema, the doctor, and the incident to replay. The address contains a token; keep it to yourself.

  --help  this text
`;

run(HELP, () => {
  parseArgs({ options: {} });
  const folder = localFolder();
  if (!isHeldOpen(folder)) throw new UserError("No local stack is held open: run npm start -- --keep");
  console.log(readFileSync(consoleAddress(folder), "utf8"));
  return Promise.resolve();
});
