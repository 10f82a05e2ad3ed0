import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Creates a test's own folder, where Node.js finds the packages: `global-setup.ts` links them above it.
 * @param name Prefix of the folder's name.
 */
export function newFolder(name: string): string {
  return mkdtempSync(join(tmpdir(), `${name}-`));
}
