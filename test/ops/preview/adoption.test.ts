import { findObstacles } from "../../../ops/preview/adoption";
import type { Change } from "../../../ops/preview/model";

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
});
const obstacles = (one: Change, config = {}) =>
  findObstacles({ changes: [one], unchanged: 0, drift: [], findings: [], problems: [], config }).map(
    ({ paths }) => paths,
  );

test.each([
  ["nothing but the provider's own differs", change("import", USER, ["deletionPolicy"]), []],
  ["a property is changed in place", change("import", USER, ["password", "deletionPolicy"]), [["password"]]],
  ["it is replaced", change("replace", "gcp:storage/bucket:Bucket", ["location"]), [["location"]]],
  ["it is no import", change("update", USER, ["password"], false), []],
])("an import where %s", (_what, one, expected) => {
  expect(obstacles(one)).toEqual(expected);
});

test("a credential that never worked is replaced in the same update, and nothing else", () => {
  const config = { "settlement:adopt": '{"credential":"replace"}' };
  expect(obstacles(change("import", USER, ["password"]), config)).toEqual([]);
  expect(obstacles(change("import", "gcp:storage/bucket:Bucket", ["labels.app"]), config)).toEqual([["labels.app"]]);
});
