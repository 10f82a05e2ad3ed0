// What every command starts with: Node.js keeps the code that it made of each file, without its types, for the next time
// and for the processes that the command starts. Where the folder cannot be written, it works without.
import { enableCompileCache } from "node:module";
import { join } from "node:path";

process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, "..", "node_modules", ".cache", "node");
enableCompileCache(process.env.NODE_COMPILE_CACHE);
