import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CATALOG, isRule, levelOf } from "../../../ops/lint/catalog.ts";

/** `UPDATE_GOLDEN=1 npx jest test/ops/lint` updates the table. */
test("docs/CLOUD_SQL_MIGRATION_GUIDE.md lists every rule with its level", () => {
  const rows = Object.entries(CATALOG).map(([rule, { level, requires }]) => [`\`${rule}\``, level, requires]);
  const cells = [["rule", "level", "requires"], ["", "", ""], ...rows];
  const width = (column: number) => Math.max(...cells.map((row) => row[column]?.length ?? 0));
  const lines = cells.map(
    (row, line) => `| ${row.map((cell, column) => cell.padEnd(width(column), line === 1 ? "-" : " ")).join(" | ")} |`,
  );
  const path = join(import.meta.dirname, "../../../docs/CLOUD_SQL_MIGRATION_GUIDE.md");
  const document = readFileSync(path, "utf8");
  const updated = document.replace(/^\| rule .+$(\n\|.+$)+/m, () => lines.join("\n"));
  if (process.env.UPDATE_GOLDEN !== undefined) writeFileSync(path, updated);
  expect(process.env.UPDATE_GOLDEN === undefined ? document : updated).toBe(updated);
});

test("a rule that a newer squawk brings is advice", () => {
  expect(isRule("squawk/new-rule")).toBe(true);
  expect(levelOf("squawk/new-rule", {})).toBe("advice");
  expect(levelOf("squawk/new-rule", { "squawk/new-rule": "error" })).toBe("error");
  expect(isRule("toString")).toBe(false);
});
