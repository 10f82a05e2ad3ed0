// @pulumi/pulumi loads a lot when it starts that few of its processes need: TypeScript and npm's resolver, to write down a
// function, which one of the four of a preview does, and the Automation API. So does zod: messages in all languages. Here
// that is loaded when it is first used.
const Module = require("node:module");
const { whenUsed } = require("./when-used.cjs");

/** What stands in for what is asked for, until that is used. */
const LATER = {
  // Which version there is, is asked in any case.
  typescript: (load, parent) => whenUsed(load, { version: parent.require("typescript/package.json").version }),
  "@npmcli/arborist": (load) => whenUsed(load),
  "normalize-package-data": (load) => whenUsed(() => ({ default: load() })),
  "./automation": (load) => whenUsed(load),
  "../locales/index.cjs": (load) => whenUsed(load),
};
const load = Module._load;

Module._load = function (request, parent, isMain) {
  const now = () => load.call(this, request, parent, isMain);
  const by = /[\\/]node_modules[\\/](?:@pulumi[\\/]pulumi|zod)[\\/](.*)$/.exec(parent?.filename)?.[1];
  if (by === undefined) return now();
  // A policy pack is run with ts-node, and so with TypeScript, whatever it is written in; ours strips its types itself.
  if (/run-policy-pack[\\/]run\.js$/.test(by) && request.includes("ts-node")) return { register: () => undefined };
  if (/[\\/]debuggable$/.test(request)) return withoutStacks(now());
  return Object.hasOwn(LATER, request) ? LATER[request](now, parent) : now();
};

let patched;

/** The SDK takes a stack trace for each of its promises, in case one leaks; to map them took a sixth of a preview's own time. */
function withoutStacks(debuggable) {
  if (patched === debuggable || process.env.PULUMI_DEBUG_PROMISE_LEAKS) return debuggable;
  patched = debuggable;
  const { debuggablePromise } = debuggable;
  debuggable.debuggablePromise = (...args) => {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    try {
      return debuggablePromise(...args);
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  };
  return debuggable;
}
