// @ts-check
"use strict";

const { Module } = require("node:module");

/**
 * Preloaded into the program and the plugins that the engine runs with Node.js. Except under Bun, the SDK starts V8's
 * debugger in each of them, changes V8's flags, and loads a TypeScript compiler. We need none of it: the debugger slows
 * module loading, the flags bypass the compile cache, and the compiler takes memory. Without them a preview is 12% faster.
 */
Object.defineProperty(process.versions, "bun", { value: "none; see ops/engine/as-under-bun.cjs" });

// Under Bun too, the SDK loads TypeScript to read the source of functions. Only a program with a dynamic provider needs it; a
// dynamic provider itself starts a third faster without it.
const path = require.resolve("typescript");
/** @type {Record<string | symbol, unknown> | undefined} */
let typescript;
const placeholder = new Module(path);
placeholder.loaded = true;
placeholder.exports = new Proxy(
  {},
  {
    get: (_target, name) => {
      if (typescript === undefined) {
        delete require.cache[path];
        typescript = require(path);
      }
      return typescript?.[name];
    },
  },
);
require.cache[path] = placeholder;
