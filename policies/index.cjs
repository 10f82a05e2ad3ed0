const { RunError } = require("@pulumi/pulumi");
const { tooOld } = require("../infra/node-version.cjs");

// The SDK loads a pack with `require`, hooked by its own TypeScript compiler. `import` bypasses the hook, and Node.js
// strips the types.
module.exports = () => {
  const problem = tooOld();
  if (problem !== undefined) throw new RunError(problem);
  return import("./index.ts");
};
