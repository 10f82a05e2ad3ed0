import { readFileSync } from "node:fs";
import { Client } from "pg";
import { runScript } from "../../packages/embedded-google-cloud/postgres/run.ts";

/**
 * Runs a script as the embedded cloud's import does, on the server that the environment names, and prints how many seconds that
 * took: an import starts no process.
 */
const start = performance.now();
const client = new Client();
await client.connect();
await runScript(client, readFileSync(process.argv[2] ?? "", "utf8"));
await client.end();
console.log((performance.now() - start) / 1000);
