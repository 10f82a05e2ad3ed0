// What every command of the project and its program start with: `node --require ./ops/register.cjs FILE.ts`.
require("./later.cjs");
require("../strip-types.cjs");
