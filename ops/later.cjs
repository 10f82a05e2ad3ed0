// @pulumi/pulumi loads TypeScript and npm's resolver when it starts, which is most of its start, and needs them only to
// write down a function: in one process of the four of a preview. Here they are loaded when they are first used.
const Module = require("node:module");
const { whenUsed } = require("./when-used.cjs");

const LATER = ["typescript", "@npmcli/arborist"];
const load = Module._load;

Module._load = function (request, parent, isMain) {
  const now = () => load.call(this, request, parent, isMain);
  const by = /[\\/]@pulumi[\\/]pulumi[\\/](.*)$/.exec(parent?.filename)?.[1];
  if (by === undefined) return now();
  // A policy pack is run with ts-node, and so with TypeScript, whatever it is written in; ours strips its types itself.
  if (/run-policy-pack[\\/]run\.js$/.test(by) && request.includes("ts-node")) return { register: () => undefined };
  if (!LATER.includes(request)) return now();
  // Which version there is, is asked in any case.
  const { version } = load.call(this, `${request}/package.json`, parent, false);
  return whenUsed(now, { version });
};
