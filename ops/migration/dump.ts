import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readMigrations } from "../../infra/migrations/files.ts";
import { ScratchDatabase } from "./scratch.ts";

/** The committed dump, in the folder of migrations. */
export const DUMP_FILE = "schema.txt";

/**
 * What a folder of migrations makes.
 * @param folder Its path.
 * @returns The text of {@link DUMP_FILE}.
 */
export async function dumpOf(folder: string): Promise<string> {
  const scratch = new ScratchDatabase();
  try {
    await scratch.start();
    for (const migration of readMigrations(folder)) await scratch.run(migration, "up");
    return `# What the migrations make; written by: npm run migration -- dump\n\n${await scratch.describe()}`;
  } finally {
    await scratch.remove();
  }
}

/**
 * Writes the dump into the folder.
 * @returns Whether it changed.
 */
export async function writeDump(folder: string): Promise<boolean> {
  const file = join(folder, DUMP_FILE);
  const dump = await dumpOf(folder);
  if (existsSync(file) && readFileSync(file, "utf8") === dump) return false;
  writeFileSync(file, dump);
  return true;
}
