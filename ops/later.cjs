// @pulumi/pulumi loads a lot when it starts that few of its processes need: TypeScript and npm's resolver, to write down a
// function, which one of the four of a preview does, and the Automation API. So do zod, with messages in all languages,
// tsx, with a compiler for what it did not compile before, and @pulumi/gcp, with all of Google's services. Here that is
// loaded when it is first used.
const Module = require("node:module");
const { whenUsed } = require("./when-used.cjs");
const { withoutStacks } = require("./without-stacks.cjs");

/** What stands in for what is asked for, until that is used. */
const LATER = {
  // Which version there is, is asked in any case.
  typescript: (load, parent) => whenUsed(load, { version: parent.require("typescript/package.json").version }),
  "@npmcli/arborist": (load) => whenUsed(load),
  esbuild: (load, parent) => whenUsed(load, { version: parent.require("esbuild/package.json").version }),
  semver: (load) => whenUsed(load),
  "js-yaml": (load) => whenUsed(load),
  "@opentelemetry/api": (load) => whenUsed(load),
  "normalize-package-data": (load) => whenUsed(() => ({ default: load() })),
  "./automation": (load) => whenUsed(load),
  "../locales/index.cjs": (load) => whenUsed(load),
};

/** What a policy pack is run with, whatever it is. */
const PACK = {
  // Node.js itself maps stack traces to what tsx compiled.
  "source-map-support/register": () => ({}),
  // V8's debugger, which slows the loading of files, serves the writing down of functions.
  "../../runtime/closure/v8Hooks": () => ({ isInitializedAsync: () => Promise.resolve() }),
  // Ours strips its types itself.
  "./run": (load) => ({ run: (options) => load().run({ ...options, typeScript: false }) }),
};

/** Where @pulumi/gcp lists the services. */
const GCP = /[\\/]@pulumi[\\/]gcp[\\/]index\.js$/;
const load = Module._load;

Module._load = function (request, parent, isMain) {
  const now = () => load.call(this, request, parent, isMain);
  if (GCP.test(parent?.filename) && /^\.\/(?!(?:provider|utilities|utils)$)\w+$/.test(request)) return whenUsed(now);
  const by = /[\\/]node_modules[\\/](?:@pulumi[\\/]pulumi|tsx|zod)[\\/](.*)$/.exec(parent?.filename)?.[1];
  if (by === undefined) return now();
  if (/run-policy-pack[\\/]index\.js$/.test(by) && Object.hasOwn(PACK, request)) return PACK[request](now);
  if (/[\\/]debuggable$/.test(request)) return withoutStacks(now());
  return Object.hasOwn(LATER, request) ? LATER[request](now, parent) : now();
};
