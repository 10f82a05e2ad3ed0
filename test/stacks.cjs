const { runInThisContext } = require("node:vm");

/** Where jest maps stack traces to the sources. */
const Outer = runInThisContext("Error");

// @pulumi/pulumi takes a stack trace for each of its promises, in case one leaks; mapping them takes longer than the rest.
Error.prepareStackTrace = (error, frames) =>
  frames[0]?.getFileName()?.endsWith("/@pulumi/pulumi/runtime/debuggable.js")
    ? ""
    : (Outer.prepareStackTrace?.(error, frames) ?? String(error));
