import { chmodSync, existsSync, mkdtempSync, statfsSync } from "node:fs";
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
  const folder = process.env.TMPDIR ?? inMemory();
  if (folder !== undefined) process.env.TMPDIR = folder;
}

/** Linux's file system in memory: a PostgreSQL cluster is made there in half the time. */
const MEMORY = "/dev/shm";

/** Bytes of it that must be free; the tests need a tenth. */
const ROOM = 4 * 2 ** 30;

/** A folder for temporary files in memory, which `global-teardown.ts` removes; undefined where there is no room. */
function inMemory(): string | undefined {
  if (!existsSync(MEMORY)) return undefined;
  const { bavail, bsize } = statfsSync(MEMORY);
  if (bavail * bsize < ROOM) return undefined;
  const folder = mkdtempSync(join(MEMORY, "settlement-tests-"));
  chmodSync(folder, 0o711); // a PostgreSQL that runs as nobody comes through it
  return folder;
}
