import { chmodSync, existsSync, mkdtempSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { findCli } from "../ops/engine/cli.ts";
import { startProviders } from "../ops/engine/providers.ts";
import { ROOT } from "../ops/engine/stack-file.ts";
import { providerChoice } from "../ops/terminal/options.ts";
import { exceptLoopback } from "../ops/terminal/proxy.ts";

/**
 * Before all tests: installs the engine, and the official providers if they are chosen, so that no end-to-end test waits for them, and turns off its garbage collection, which
 * takes a twelfth of a preview.
 */
export default async function setUp(): Promise<void> {
  exceptLoopback();
  const say = (line: string) => process.stdout.write(`${line}\n`);
  const command = await findCli(say);
  if (providerChoice() === "official") await startProviders(command, { say });
  process.env.NODE_COMPILE_CACHE ??= join(ROOT, "node_modules", ".cache", "node");
  process.env.GOGC ??= "off";
  process.env.GOMEMLIMIT ??= "768MiB";
  const folder = process.env.TMPDIR ?? inMemory();
  if (folder !== undefined) process.env.TMPDIR = folder;
}

/** Linux's in-memory file system, where creating a PostgreSQL cluster takes half the time. */
const MEMORY = "/dev/shm";

/** Free bytes required; the tests need a tenth. */
const ROOM = 4 * 2 ** 30;

/** A folder for temporary files in memory, which `global-teardown.ts` removes; undefined without enough space. */
function inMemory(): string | undefined {
  if (!existsSync(MEMORY)) return undefined;
  const { bavail, bsize } = statfsSync(MEMORY);
  if (bavail * bsize < ROOM) return undefined;
  const folder = mkdtempSync(join(MEMORY, "settlement-tests-"));
  chmodSync(folder, 0o711); // lets a PostgreSQL that runs as the user nobody traverse it
  return folder;
}
