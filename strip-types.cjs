// Runs the project's TypeScript: types are checked by `npm run check`, and here they are only stripped. Packages are left to
// Node.js; tsx would look through each of their files for what it can do about it, which took a third of a command's start.
const Module = require("node:module");

const PACKAGE = /[\\/]node_modules[\\/]/;
const { _extensions: loaders, _resolveFilename: resolve } = Module;
const load = loaders[".js"];
require("tsx/cjs");
const { ".js": loadTypeScript } = loaders;
const { _resolveFilename: resolveTypeScript } = Module;

loaders[".js"] = (module, file) => (PACKAGE.test(file) ? load : loadTypeScript)(module, file);
Module._resolveFilename = function (request, parent, ...rest) {
  return (PACKAGE.test(parent?.filename) ? resolve : resolveTypeScript).call(this, request, parent, ...rest);
};
