// Preloaded by every command: caches compiled, type-stripped code for later runs and child processes. If the folder is not
// writable or Node.js is too old, there is no cache.
import module from "node:module";
import { join } from "node:path";

process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, "..", "..", "node_modules", ".cache", "node");
module.enableCompileCache?.(process.env.NODE_COMPILE_CACHE);
