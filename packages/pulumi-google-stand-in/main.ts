import { fstatSync } from "node:fs";
import { serveStandIns } from "./stand-ins.ts";

// Serves both stand-in providers and prints the port for PULUMI_DEBUG_PROVIDERS=gcp:PORT,random:PORT. If stdin is a pipe, it
// exits when the pipe closes, even if the command at its other end was killed.
const input = fstatSync(0);
if (input.isSocket() || input.isFIFO()) process.stdin.on("end", () => process.exit()).resume();

serveStandIns(process.env).then(
  ({ port }) => process.stdout.write(`${port}\n`),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
