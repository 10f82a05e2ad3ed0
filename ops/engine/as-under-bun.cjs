// @ts-check
"use strict";

/**
 * Preloaded into the program and the plugins that the engine runs with Node.js. Except under Bun, the SDK starts V8's
 * debugger in each of them, changes V8's flags, and loads a TypeScript compiler. We need none of it: the debugger slows
 * module loading, the flags bypass the compile cache, and the compiler takes memory. Without them a preview is 12% faster.
 */
Object.defineProperty(process.versions, "bun", { value: "none; see ops/engine/as-under-bun.cjs" });
