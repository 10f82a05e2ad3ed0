const { RunError } = require("@pulumi/pulumi");
const { tooOld } = require("../infra/node-version.cjs");

// The SDK requires a pack's entry, after it has put a TypeScript compiler of its own in the way of `require`. What is
// imported goes past that: Node.js strips the types.
module.exports = () => {
  const problem = tooOld();
  if (problem !== undefined) throw new RunError(problem);
  return import("./index.ts");
};
