import { type AuditConfig, lostAuditLogs } from "../../../ops/preview/audit-logs.ts";
import { findLosses } from "../../../ops/preview/guard.ts";
import { render } from "../../../ops/preview/markdown.ts";
import { isBlocked } from "../../../ops/preview/report.ts";
import { readEvents } from "../../../ops/preview/model.ts";
import { configured, type Declared, report, step, types, urn } from "./engine.ts";

const audit: Declared = { type: types.auditConfig, name: "import-audit", id: "" };
const service = "cloudsql.googleapis.com";
const after = {
  project: "p",
  service,
  auditLogConfigs: [{ logType: "DATA_WRITE", exemptedMembers: ["user:c@x.com"] }],
};
const creation = [step("create", audit, { after })];
const existing = (...auditLogConfigs: object[]): AuditConfig[] => [{ service, auditLogConfigs }];
const lost = (configs: readonly AuditConfig[], events = creation) =>
  lostAuditLogs(readEvents(events), () => Promise.resolve(configs));

test.each<[string, AuditConfig[], string]>([
  ["a log type", existing({ logType: "DATA_WRITE" }, { logType: "DATA_READ" }), "the log type DATA_READ"],
  [
    "log types and who is exempted",
    existing({ logType: "ADMIN_READ" }, { logType: "DATA_READ", exemptedMembers: ["user:a@x.com", "user:b@x.com"] }),
    "the log type ADMIN_READ, and the log type DATA_READ, from which user:a@x.com and user:b@x.com are exempted",
  ],
  [
    "an exemption",
    existing({ logType: "DATA_WRITE", exemptedMembers: ["user:c@x.com", "user:a@x.com"] }),
    "the exemption of user:a@x.com from the log type DATA_WRITE",
  ],
])("creating an audit configuration over one that was created manually loses %s", async (_what, configs, what) => {
  const found = await lost(configs);
  expect([...found.keys()]).toEqual([urn(audit)]);
  const events = [...creation, configured({})];
  const losses = findLosses(readEvents(events), [], found);
  expect(losses).toMatchObject([{ allowed: false, what }]);
  expect(isBlocked(report(events, { losses }))).toBe(true);
  expect(render(report(events, { losses }))).toMatch(
    /^- `import-audit` \(gcp\.projects\.IAMAuditConfig\) replaces the audit configuration of cloudsql\.googleapis\.com that exists; this loses the .*\. To keep it, declare it in `infra\/alerts\.ts`\.$/m,
  );
});

test("the configuration allows exactly the loss that was shown", async () => {
  const read = await lost(existing({ logType: "DATA_READ" }));
  const [loss] = findLosses(readEvents([...creation, configured({})]), [], read);
  const events = [...creation, configured({ "settlement:allowDestructive": JSON.stringify([loss?.entry]) })];
  expect(findLosses(readEvents(events), [], read)).toMatchObject([{ allowed: true }]);
  const more = await lost(existing({ logType: "DATA_READ" }, { logType: "ADMIN_READ" }));
  expect(findLosses(readEvents(events), [], more)).toMatchObject([{ allowed: false }]);
});

test.each<[string, readonly AuditConfig[]]>([
  ["there is none", []],
  ["the one of another API exists", [{ service: "allServices", auditLogConfigs: [{ logType: "DATA_READ" }] }]],
  ["an equal one exists", existing({ logType: "DATA_WRITE", exemptedMembers: ["user:c@x.com"] })],
])("nothing is lost if %s", async (_what, configs) => {
  expect((await lost(configs)).size).toBe(0);
});

test("an audit configuration that is not created is not read", async () => {
  const read = () => Promise.reject(new Error("It was read."));
  expect((await lostAuditLogs(readEvents([step("same", audit, { before: after, after })]), read)).size).toBe(0);
});
