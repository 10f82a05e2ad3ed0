import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../ops/engine/stack-file.ts";

const { engines } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { engines: { node: string } };
const oldest = Number(/^>=(\d+)$/.exec(engines.node)?.[1]);

/** The message of plain `pulumi` for a version of Node.js. */
function messageFor(version: string): string {
  const program = `
    Object.defineProperty(process.versions, "node", { value: process.argv[1] });
    console.log(require("./infra/node-version.cjs").tooOld());
  `;
  return spawnSync(process.execPath, ["--eval", program, version], { cwd: ROOT, encoding: "utf8" }).stdout.trim();
}

test("rejects a Node.js older than package.json requires", () => {
  expect(messageFor(`${oldest - 1}.9.9`)).toBe(
    `Node.js ${oldest - 1}.9.9 is too old for this project: put ${oldest} or newer first on PATH (https://nodejs.org).`,
  );
  for (const version of [`${oldest}.0.0`, "26.12.1", "100.0.0"]) expect(messageFor(version)).toBe("undefined");
});

test("the installed Node.js and those of the pipelines are recent enough", () => {
  const read = (file: string) => readFileSync(join(ROOT, file), "utf8");
  const install = read("ops/install.mjs");
  const used = [
    ...install.matchAll(/^const INSTALLED = "(\d+)\./gm),
    ...["pull-request", "deliver", "nightly"].flatMap((name) => [
      ...read(`.github/workflows/${name}.yml`).matchAll(/node(?:-version)?: \[?(\d+)/g),
    ]),
    ...read("cloudbuild.yaml").matchAll(/name: node:(\d+)/g),
    ...read("packages/settlement-service/Dockerfile").matchAll(/^FROM node:(\d+)/gm),
  ].map(([, major]) => Number(major));
  expect(used.length).toBeGreaterThan(10);
  expect(Math.min(...used)).toBeGreaterThanOrEqual(oldest);
});
