import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readStackFile, setInStackFile, stackPath } from "../../../ops/engine/stack-file.ts";
import { locate } from "../../../ops/engine/target.ts";
import { UsageError, UserError } from "../../../ops/terminal/user-error.ts";

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

test.each([
  ["pord", 'There is no stack "pord": Pulumi.pord.yaml does not exist. Did you mean prod?'],
  ["production", 'There is no stack "production": Pulumi.production.yaml does not exist. Did you mean prod?'],
  ["stage", 'There is no stack "stage": Pulumi.stage.yaml does not exist. Did you mean staging?'],
  ["Local", 'There is no stack "Local": Pulumi.Local.yaml does not exist. Did you mean local?'],
  ["demo", 'There is no stack "demo": Pulumi.demo.yaml does not exist.'],
])("of a stack that does not exist, %s, names those that do and the nearest", (name, said) => {
  const root = mkdtempSync(join(tmpdir(), "stack-file-"));
  try {
    for (const stack of ["local", "prod", "staging"]) writeFileSync(stackPath(stack, root), "config: {}\n");
    expect(() => readStackFile(name, root)).toThrow(new UserError(`${said} The stacks are local, prod, staging.`));
    expect(() => locate({ stack: name }, root)).toThrow(new UsageError(`${said} The stacks are local, prod, staging.`));
  } finally {
    rmSync(root, { recursive: true });
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
