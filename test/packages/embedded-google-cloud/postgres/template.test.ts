import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Template } from "../../../../packages/embedded-google-cloud/postgres/template.ts";

let folder: string;
let native: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "template-test-"));
  native = join(folder, "native");
  mkdirSync(join(native, "bin"), { recursive: true });
  mkdirSync(join(folder, "data", "base"), { recursive: true });
  writeFileSync(join(folder, "data", "base", "1"), "rows", { mode: 0o600 });
});
afterEach(() => {
  chmodSync(native, 0o755);
  rmSync(folder, { recursive: true });
});

const templateFor = (...args: string[]) =>
  new Template({ version: "17.9", major: 17, initdb: join(native, "bin", "initdb"), postgres: "" }, args);
const kept = () => readdirSync(native).filter((name) => name !== "bin");

test("a data directory is kept and copied, only for its own arguments, and for nobody else to read", () => {
  const target = join(folder, "instances", "one");
  expect(templateFor("--encoding", "UTF8").copyTo(target)).toBe(false);
  templateFor("--encoding", "UTF8").keep(join(folder, "data"));
  expect(templateFor("--encoding", "LATIN1").copyTo(target)).toBe(false);
  expect(templateFor("--encoding", "UTF8").copyTo(target)).toBe(true);
  expect(existsSync(join(target, "base", "1"))).toBe(true);
  expect(statSync(target).mode & 0o777).toBe(0o700);
});

test("the template of a faster process stays, and nothing else is left", () => {
  templateFor().keep(join(folder, "data"));
  writeFileSync(join(folder, "data", "later"), "");
  templateFor().keep(join(folder, "data"));
  expect(kept()).toHaveLength(1);
  expect(readdirSync(join(native, kept()[0] ?? ""))).toEqual(["base"]);
});
