import { rmSync } from "node:fs";

/** After all tests: removes the folder for temporary files that `global-setup.ts` created. */
export default function tearDown(): void {
  const folder = process.env.TMPDIR ?? "";
  if (folder.includes("/settlement-tests-")) rmSync(folder, { recursive: true, force: true });
}
