import { faultOf } from "../../../ops/engine/fault-option.ts";

test.each([
  ["sqladmin:429", { api: "sqladmin", path: /(?:)/ }, { kind: "error", status: 429 }],
  ["storage:503:3", { api: "storage", path: /(?:)/, times: 3 }, { kind: "error", status: 503 }],
  ["POST sqladmin/import:late:1", { api: "sqladmin", method: "POST", path: /\/import/, times: 1 }, { kind: "late" }],
  [
    "secretmanager/latest:access:403",
    { api: "secretmanager", path: /\/latest:access/ },
    { kind: "error", status: 403 },
  ],
  ["run/v2/a.b:2000ms", { api: "run", path: /\/v2\/a\.b/ }, { kind: "latency", milliseconds: 2000 }],
  ["iam:silence", { api: "iam", path: /(?:)/ }, { kind: "silence" }],
] as const)("%s", (text, aim, fault) => {
  expect(faultOf(text)).toEqual({ aim, fault });
});

test("a region is lost", () => {
  expect(faultOf("region/us-central1:503")).toEqual({ region: "us-central1" });
});

test.each([
  "region/us-central1:429",
  "region:503",
  "sqladmin",
  "sqladmin:404",
  "sqladmin:429:0",
  "SQL:429",
  ":429",
  "get sqladmin:429",
  "",
])("%j is refused with the form, the APIs and the faults", (text) => {
  const refused = () => faultOf(text);
  expect(refused).toThrow(`not "${text}". API is one of artifactregistry, cloudkms,`);
  expect(refused).toThrow("[METHOD ]API[/PATH]:FAULT[:TIMES] or region/REGION:503, such as sqladmin:429");
  expect(refused).toThrow("FAULT one of 403, 409, 429, 500, 503, stale, reset, silence, lost, late, MILLISECONDSms.");
});

test("an API that does not exist is refused with those that do, and the nearest", () => {
  expect(() => faultOf("sqladmn:429")).toThrow(
    /"sqladmn" is not one of the APIs, .*, storage\. Did you mean sqladmin\?$/,
  );
});
