import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../ops/engine/stack-file.ts";

/** The schema provider in states from before Node.js 24. */
const BEFORE = `exports.handler = () => {
  const path = require("node:path");
  const project = path.resolve(require.resolve("@pulumi/pulumi/package.json"), "../../../..");
  require(path.join(project, "strip-types.cjs"));
  const { importer } = require(path.join(project, "infra", "migrations", "importer.ts"));
  return {
    configure: ({ config }) => importer.configure(config),
    check: (olds, news) => importer.check(olds, news),
    diff: (_id, olds, news) => importer.diff(olds, news),
    create: (inputs) => importer.create(inputs),
    update: (_id, olds, news) => importer.update(olds, news),
  };
};
`;

/** Runs the text from the state, like the SDK's dynamic provider. */
const RUN = `
  const provider = require("require-from-string")(process.argv[1]).handler();
  const olds = { project: "p", instance: "i", database: "d", user: "u", migrations: [] };
  provider.diff("id", olds, { ...olds, database: "e" }).then((diff) => console.log(JSON.stringify(diff)));
`;

/** The current text. */
const [, NOW = ""] =
  /const PROVIDER = `([^`]*)`/.exec(readFileSync(join(ROOT, "infra", "migrations", "resource.ts"), "utf8")) ?? [];

test.each([
  ["from now", NOW],
  ["from before Node.js 24", BEFORE],
])("a state %s loads its schema provider", (_when, text) => {
  const { stdout, stderr } = spawnSync(process.execPath, ["--eval", RUN, text], { cwd: ROOT, encoding: "utf8" });
  expect(stderr).toBe("");
  expect(JSON.parse(stdout)).toEqual({ changes: true, replaces: ["database"] });
});
