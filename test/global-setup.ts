import { join } from "node:path";
import { findCli } from "../ops/engine/cli.ts";
import { ROOT } from "../ops/engine/stack-file.ts";

/**
 * Before any test: the engine that the end-to-end tests drive, so that none of them waits for its installation. Each run of
 * it ends after seconds: to collect what it lets go of takes a twelfth of a preview, and saves memory that nobody needs.
 */
export default async function setUp(): Promise<void> {
  await findCli((line) => {
    process.stdout.write(`${line}\n`);
  });
  process.env.NODE_COMPILE_CACHE ??= join(ROOT, "node_modules", ".cache", "node");
  process.env.GOGC ??= "off";
  process.env.GOMEMLIMIT ??= "768MiB";
}
