// What every command starts with: Node.js keeps the code that it made of each file, without its types, for the next time
// and for the processes that the command starts. Where the folder cannot be written, or Node.js is too old to do this, it
// works without.
import module from "node:module";
import { join } from "node:path";

process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, "..", "..", "node_modules", ".cache", "node");
module.enableCompileCache?.(process.env.NODE_COMPILE_CACHE);
