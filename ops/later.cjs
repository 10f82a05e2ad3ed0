// @pulumi/pulumi loads TypeScript and npm's resolver when it starts, which is most of its start, and needs them only to
// write down a function: in one process of the four of a preview. Here they are loaded when they are first used.
const Module = require("node:module");
const { whenUsed } = require("./when-used.cjs");

const LATER = ["typescript", "@npmcli/arborist"];
const load = Module._load;

Module._load = function (request, parent, isMain) {
  const now = () => load.call(this, request, parent, isMain);
  return LATER.includes(request) && /[\\/]@pulumi[\\/]pulumi[\\/]/.test(parent?.filename) ? whenUsed(now) : now();
};
