import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readStackFile, setInStackFile, stackPath } from "../../../ops/engine/stack-file.ts";

test("an empty stack file is named, with the way to get it back; the engine's copy of it is a damaged state", () => {
  const name = `empty-${process.pid}`;
  const folder = mkdtempSync(join(tmpdir(), "stack-file-"));
  try {
    for (const path of [stackPath(name), stackPath(name, folder)]) writeFileSync(path, "");
    expect(() => readStackFile(name)).toThrow(
      `${stackPath(name)} is empty: restore it, for example with git restore Pulumi.${name}.yaml.`,
    );
    expect(() => readStackFile(name, folder)).toThrow("A state file is damaged");
  } finally {
    rmSync(stackPath(name), { force: true });
    rmSync(folder, { recursive: true });
  }
});

test("a written value keeps the comments, with the line that names the schema for editors first", () => {
  const folder = mkdtempSync(join(tmpdir(), "stack-file-"));
  try {
    copyFileSync(stackPath("prod"), stackPath("prod", folder));
    setInStackFile("prod", ["settlement:rotation", "step"], 1, [folder]);
    const before = readFileSync(stackPath("prod"), "utf8");
    expect(readFileSync(stackPath("prod", folder), "utf8")).toBe(`${before}  settlement:rotation:\n    step: 1\n`);
    expect(before).toMatch(/^# yaml-language-server: \$schema=/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
