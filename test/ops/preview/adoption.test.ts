import { findObstacles, withHint } from "../../../ops/preview/adoption.ts";
import { laterSettings } from "../../../ops/preview/later.ts";
import { render } from "../../../ops/preview/markdown.ts";
import type { Change } from "../../../ops/preview/model.ts";
import { report } from "./engine.ts";

const USER = "gcp:sql/user:User";
const change = (op: Change["op"], type: string, paths: readonly string[], imported = true): Change => ({
  op,
  imported,
  type,
  urn: "urn",
  name: "one",
  parent: "",
  id: "id",
  kept: false,
  forcedBy: op === "replace" ? paths : [],
  properties: paths.map((path) => ({ path, before: "1", after: "2" })),
  before: {},
  after: {},
  outputs: {},
});
const obstacles = (one: Change, config = {}) =>
  findObstacles({ changes: [one], unchanged: 0, drift: [], findings: [], problems: [], config }).map(
    ({ paths }) => paths,
  );

test.each([
  ["only the provider's own properties differ", change("import", USER, ["deletionPolicy"]), []],
  ["it changes a property", change("import", USER, ["password", "deletionPolicy"]), [["password"]]],
  ["it replaces the resource", change("replace", "gcp:storage/bucket:Bucket", ["location"]), [["location"]]],
  ["it is an update", change("update", USER, ["password"], false), []],
])("finds obstacles to an import if %s", (_what, one, expected) => {
  expect(obstacles(one)).toEqual(expected);
});

test("allows only the credential to be replaced in the same update, if configured", () => {
  const config = { "settlement:adopt": '{"credential":"replace"}' };
  expect(obstacles(change("import", USER, ["password"]), config)).toEqual([]);
  expect(obstacles(change("import", "gcp:storage/bucket:Bucket", ["labels.app"]), config)).toEqual([["labels.app"]]);
});

test.each([
  ["settlement-migrations: Preview failed: resource 'x' does not exist", [], "add bucket to settlement:adopt.missing"],
  ["settlement-migrations: Error 409: already exists", ["bucket"], "remove bucket from settlement:adopt.missing"],
  ['settlement-schema: relation "settlement_commands" already exists', ["tables"], "remove tables from"],
])("explains %s with %j missing: %s", (problem, missing, hint) => {
  const config = { "settlement:adopt": JSON.stringify({ missing }) };
  expect(withHint(problem, config)).toContain(hint);
  expect(withHint(problem, {})).toBe(problem);
  expect(withHint(problem.replace("settlement-", "another-"), config)).toBe(problem.replace("settlement-", "another-"));
});

test("lists each setting that changes after adoption, with its effect", () => {
  const paths = [
    ["settings.availabilityType", "restarts the instance"],
    ["settings.backupConfiguration.enabled", ""],
    ["settings.backupConfiguration.pointInTimeRecoveryEnabled", "restarts the instance"],
    ["settings.connectorEnforcement", "refuses clients"],
    ["settings.databaseFlags[cloudsql.enable_pgaudit].value", "restarts the instance"],
    ["settings.databaseFlags[log_statement].value", ""],
    ["settings.databaseFlags[max_connections].value", "restarts the instance"],
    ["settings.databaseFlags[pgaudit.log].value", ""],
    ["settings.ipConfiguration.ipv4Enabled", "refuses clients"],
    ["settings.ipConfiguration.sslMode", "refuses clients"],
    ["settings.tier", "restarts the instance"],
  ] as const;
  const others = ["deletionProtection", "settings.databaseFlags[log_statement].name"];
  const instance = change("import", "gcp:sql/databaseInstance:DatabaseInstance", [
    ...paths.map(([path]) => path),
    ...others,
  ]);
  const size = { path: "settings.diskSize", before: "10", after: undefined };
  const later = laterSettings([
    change("update", USER, ["password"]),
    { ...instance, properties: [...instance.properties, size] },
  ]);
  const listed = render(report([], { later }))
    .split("\n")
    .filter((line) => line.startsWith("- "));
  expect(listed).toEqual(
    paths.map(([path, effect]) => `- \`${path}\` \`1\` → \`2\`${effect === "" ? "" : `: **${effect}**`}`),
  );
});
