// As ops/later.cjs does for commands, in the modules that jest loads by itself: no stack trace for each of the SDK's promises.
const { withoutStacks } = require("../../ops/without-stacks.cjs");

module.exports = withoutStacks(require("../../node_modules/@pulumi/pulumi/runtime/debuggable.js"));
