import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "../ops/engine/stack-file.ts";
import { inTurns, runChild, subject, time } from "./child.ts";
import { absolute, type Figure } from "./figure.ts";

/** `npm run migration -- lint` of ten pending files: every rule, and the replay on a scratch PostgreSQL. */
export async function lint(say: (line: string) => void): Promise<Figure[]> {
  const root = mkdtempSync(join(tmpdir(), "bench-lint-"));
  const folder = join(root, "migrations");
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=Bench", "-c", "user.email=bench@example.com", ...args], { cwd: root });
  try {
    cpSync(join(ROOT, "migrations"), folder, { recursive: true });
    git("init", "--quiet", "--initial-branch=main");
    git("add", "--all");
    git("commit", "--quiet", "--message=applied");
    for (let n = 0; n < 10; n++) {
      const columns = Array.from({ length: 20 }, (_, column) => `  column_${column} text`).join(",\n");
      const rows = Array.from({ length: 50 }, (_, row) => `INSERT INTO made_${n} VALUES (${row});`).join("\n");
      const up = `CREATE TABLE made_${n} (\n  id bigint PRIMARY KEY,\n${columns}\n);\n${rows}`;
      const text = `-- migrate:up\n${up}\n\n-- migrate:down\nDROP TABLE made_${n};\n`;
      writeFileSync(join(folder, `2099010100000${n}_make_${n}.sql`), text);
    }
    const { runs } = await inTurns({ runs: () => runChild(subject("lint.ts", folder)) }, say);
    return [absolute("lint of ten pending migrations, with replay", time("ten files", runs), { most: 5 })];
  } finally {
    rmSync(root, { recursive: true });
  }
}
