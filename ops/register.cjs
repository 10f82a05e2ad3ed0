// What every command of the project starts with: `node --require ./ops/register.cjs ops/COMMAND.ts`.
require("./later.cjs");
// Types are checked by `npm run check`; here they are only stripped.
require("tsx/cjs");
