import { conditionHolds } from "../../packages/embedded-google-cloud/iam/conditions.ts";
import { type Answer, ask } from "../../policies/model/conditions.ts";

const INSTANCE = {
  service: "sqladmin.googleapis.com",
  type: "sqladmin.googleapis.com/Instance",
  name: "projects/fusion-prime/instances/db-1",
};

// The pack and the doctor use the first implementation, the embedded cloud the second.
test.each<[expression: string, answer: Answer]>([
  ["resource.name == 'projects/fusion-prime/instances/db-1'", "holds"],
  ["resource.name == 'projects/fusion-prime/instances/db-2'", "fails"],
  ["resource.name.startsWith('projects/fusion-prime/instances/db')", "holds"],
  ["resource.name.endsWith('db-2')", "fails"],
  ["resource.name.extract('projects/{project}/') == 'fusion-prime'", "holds"],
  ["resource.name.extract('instances/{instance}') == 'db-1'", "holds"],
  ["resource.name.extract('secrets/{secret}/') == ''", "holds"],
  ["resource.name.extract('instances') == ''", "unreadable"],
  ["resource.name in ['projects/fusion-prime/instances/db-1']", "holds"],
  ["resource.type == 'sqladmin.googleapis.com/Instance'", "holds"],
  ["resource.service == 'sqladmin.googleapis.com' && resource.type != 'x'", "holds"],
  ["resource.type != 'storage.googleapis.com/Bucket' || resource.name == 'x'", "holds"],
  ["request.time < timestamp('2999-01-01T00:00:00Z')", "holds"],
  ["request.time > timestamp('2999-01-01T00:00:00Z')", "fails"],
  ["request.time + duration('1h') > timestamp('2020-01-01T00:00:00Z')", "holds"],
  ["request.time.getFullYear() > 2000 && request.time.getHours('Europe/Berlin') < 24", "holds"],
  ["request.time > timestamp('soon')", "unreadable"],
  ["api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly(['roles/viewer'])", "holds"],
  ["!api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly([])", "fails"],
  ["api.getAttribute('storage.googleapis.com/objectListPrefix', '').startsWith('a')", "fails"],
  ["resource.matchTag('1/env', 'prod')", "unknown"],
  ["resource.matchTagId('tagKeys/1', 'tagValues/2') && resource.name.endsWith('db-2')", "fails"],
  ["resource.colour != 'red'", "unreadable"],
  ["resource.colour == 'red' || true", "unreadable"],
  ["destination.port != 22", "unreadable"],
  ["'levels' in request.auth.access_levels", "unreadable"],
  ["resource.name", "unreadable"],
  ["resource.name == '", "unreadable"],
])("%s %s", (expression, answer) => {
  expect(ask(expression, INSTANCE)).toBe(answer);
  expect(conditionHolds(expression, INSTANCE, {})).toBe(answer === "holds");
});

test("a condition on a tag is unknown, unless it does not matter", () => {
  expect(ask("resource.hasTagKey('1/env') || resource.name.endsWith('db-1')", INSTANCE)).toBe("holds");
  expect(ask("resource.hasTagKeyId('tagKeys/1')", INSTANCE)).toBe("unknown");
});

test("a condition is unknown if it depends on an unknown attribute", () => {
  const { service } = INSTANCE;
  expect(ask("resource.name.startsWith('projects/')", { service })).toBe("unknown");
  expect(ask("resource.service == 'storage.googleapis.com' && resource.name == 'x'", { service })).toBe("fails");
});
