import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CHECKS } from "../../ops/doctor/checks.ts";
import { CONFIG, type Declared, declare, named, waitsFor } from "./declared.ts";

/** Google's metrics that alerts and the dashboard use, with the kind of their values. */
const METRICS: Readonly<Record<string, string>> = {
  // https://cloud.google.com/monitoring/api/metrics_gcp_c#gcp-cloudsql
  "cloudsql.googleapis.com/database/disk/utilization": "fraction",
  "cloudsql.googleapis.com/database/memory/utilization": "fraction",
  "cloudsql.googleapis.com/database/postgresql/num_backends": "count",
  "cloudsql.googleapis.com/database/replication/network_lag": "seconds",
  "cloudsql.googleapis.com/database/replication/replica_lag": "seconds",
  // https://cloud.google.com/monitoring/api/metrics_gcp_p_z#gcp-run
  "run.googleapis.com/request_count": "delta",
  "run.googleapis.com/request_latencies": "distribution",
  "run.googleapis.com/container/instance_count": "count",
  // https://cloud.google.com/monitoring/api/metrics_gcp_i_o#gcp-monitoring
  "monitoring.googleapis.com/uptime_check/check_passed": "bool",
  // https://cloud.google.com/logging/docs/logs-based-metrics
  "logging.googleapis.com/log_entry_count": "delta",
};

const INSTANCE =
  'resource.type="cloudsql_database" AND resource.labels.database_id="fusion-prime:fusion-prime-db-a504713e"';
const SERVICE = 'resource.type="cloud_run_revision" AND resource.labels.service_name="settlement-service"';
const FAILED = "(severity>=ERROR OR protoPayload.status.code>0)";

interface Threshold {
  readonly filter: string;
  readonly thresholdValue: number;
}
interface Policy {
  readonly displayName: string;
  readonly conditions: readonly {
    readonly conditionThreshold?: Threshold;
    readonly conditionMatchedLog?: { readonly filter: string };
    readonly conditionPrometheusQueryLanguage?: { readonly query: string };
  }[];
  readonly documentation: { readonly content: string };
}

const database = { ...CONFIG.database, replica: { region: "us-east1", tier: "db-custom-2-7680" } };

let resources: Declared[];
const policy = (what: string) => named(resources, `settlement-alert-${what}`).inputs as unknown as Policy;
const policies = () =>
  resources.filter(({ type }) => type.includes("alertPolicy")).map(({ inputs }) => inputs as unknown as Policy);

beforeAll(async () => {
  ({ resources } = await declare({ alerts: { email: ["oncall@example.com", "lead@example.com"] }, database }));
});

test.each([
  ["disk", "cloudsql.googleapis.com/database/disk/utilization", 0.9],
  ["memory", "cloudsql.googleapis.com/database/memory/utilization", 0.9],
  // 7.5 GB allow 400 connections.
  ["connections", "cloudsql.googleapis.com/database/postgresql/num_backends", 320],
])("%s fires when %s stays above %d for five minutes", (what, metric, threshold) => {
  expect(policy(what).conditions).toMatchObject([
    {
      conditionThreshold: {
        filter: `metric.type="${metric}" AND ${INSTANCE}`,
        comparison: "COMPARISON_GT",
        thresholdValue: threshold,
        duration: "300s",
      },
    },
  ]);
});

test("replica-behind fires when the replica receives or replays a minute late, replica-stopped when nothing is measured", () => {
  const of = (what: string) =>
    `metric.type="cloudsql.googleapis.com/database/replication/${what}_lag" AND ${INSTANCE.replace(/"$/, '-us-east1"')}`;
  const threshold = { comparison: "COMPARISON_GT", thresholdValue: 60, duration: "300s" };
  expect(policy("replica-behind").conditions).toMatchObject([
    { conditionThreshold: { filter: of("network"), ...threshold } },
    { conditionThreshold: { filter: of("replica"), ...threshold } },
  ]);
  expect(policy("replica-stopped").conditions).toMatchObject([
    { conditionAbsent: { filter: of("replica"), duration: "600s" } },
  ]);
});

test("errors fires when more than 5 % of the requests get a 5xx", () => {
  const all = `metric.type="run.googleapis.com/request_count" AND ${SERVICE}`;
  expect(policy("errors").conditions).toMatchObject([
    {
      conditionThreshold: {
        filter: `${all} AND metric.labels.response_code_class="5xx"`,
        denominatorFilter: all,
        thresholdValue: 0.05,
        aggregations: [{ alignmentPeriod: "300s", perSeriesAligner: "ALIGN_RATE", crossSeriesReducer: "REDUCE_SUM" }],
      },
    },
  ]);
});

test("import reads the data access log, which the stack enables first", () => {
  expect(policy("import").conditions).toMatchObject([
    {
      conditionMatchedLog: {
        filter: `${INSTANCE} AND log_id("cloudaudit.googleapis.com/data_access") AND protoPayload.methodName="cloudsql.instances.import" AND ${FAILED}`,
      },
    },
  ]);
  expect(named(resources, "settlement-import-audit").inputs).toEqual({
    project: "fusion-prime",
    service: "cloudsql.googleapis.com",
    auditLogConfigs: [{ logType: "DATA_WRITE" }],
  });
  expect([...waitsFor(resources, "settlement-alert-import")]).toContain("settlement-import-audit");
});

test.each([false, true])(
  "alerts exist before what they watch, to report its first failure; promoted: %s",
  async (promoted) => {
    const plus = { edition: "ENTERPRISE_PLUS", tier: "db-perf-optimized-N-2" };
    const replica = { region: "us-east1", tier: plus.tier, disasterRecovery: true, promoted };
    const { resources } = await declare({ database: { ...database, ...plus, replica } });
    const names = resources.filter(({ type }) => type.includes("alertPolicy")).map(({ name }) => name);
    const waiting = names.filter((name) =>
      ["settlement-instance", "settlement-replica", "settlement-service", "settlement-schema"].some((one) =>
        waitsFor(resources, name).has(one),
      ),
    );
    // The uptime check needs the service's URL.
    expect(waiting).toEqual(["settlement-alert-uptime"]);
    const [primary, follower] = promoted ? ["-us-east1", ""] : ["", "-us-east1"];
    const filter = (what: string) => JSON.stringify(named(resources, `settlement-alert-${what}`).inputs.conditions);
    expect(filter("disk")).toContain(`fusion-prime-db-a504713e${primary}\\"`);
    expect(filter("replica-behind")).toContain(`fusion-prime-db-a504713e${follower}\\"`);
  },
);

test("backup fires for automatic and on-demand backups", () => {
  const filter = policy("backup").conditions[0]?.conditionMatchedLog?.filter;
  expect(filter).toBe(
    `${INSTANCE} AND ((log_id("cloudaudit.googleapis.com/system_event") AND ` +
      'protoPayload.methodName="cloudsql.instances.automatedBackup" AND ' +
      'protoPayload.metadata.windowStatus=("STATUS_FAILED" OR "STATUS_ATTEMPT_FAILED")) OR ' +
      '(log_id("cloudaudit.googleapis.com/activity") AND ' +
      `protoPayload.methodName="cloudsql.backupRuns.create" AND ${FAILED}))`,
  );
});

test("revision matches the sentence that Cloud Run logs", () => {
  expect(policy("revision").conditions).toMatchObject([
    {
      conditionMatchedLog: {
        filter: `${SERVICE} AND severity>=ERROR AND protoPayload.status.message:"Ready condition status changed to False"`,
      },
    },
  ]);
});

test.each([
  ["old-backup", ["backup"]],
  ["certificate", ["certificate"]],
  ["rotation", ["rotation"]],
  ["half-migrated", ["migration", "tables"]],
])("%s reads what the nightly doctor logged about %j, and waits for Cloud Logging", (what, checks) => {
  const verdicts = checks.map((check) => `jsonPayload.checks.${check}.verdict=("finding" OR "consequence")`);
  expect(policy(what).conditions).toMatchObject([
    { conditionMatchedLog: { filter: `log_id("settlement-doctor") AND (${verdicts.join(" OR ")})` } },
  ]);
  expect(CHECKS.map(({ id }) => id)).toEqual(expect.arrayContaining(checks));
  expect([...waitsFor(resources, `settlement-alert-${what}`)]).toContain("settlement-logging");
});

test("doctor fires when the nightly doctor logged nothing for 25 hours and six more", () => {
  expect(policy("doctor").conditions).toMatchObject([
    {
      conditionPrometheusQueryLanguage: {
        query:
          'absent_over_time(logging_googleapis_com:log_entry_count{monitored_resource="global",log="settlement-doctor"}[25h])',
        duration: "21600s",
      },
    },
  ]);
});

test("uptime requests /health as the service agent, which may call the service", () => {
  expect(named(resources, "settlement-uptime").inputs).toMatchObject({
    period: "60s",
    monitoredResource: {
      type: "uptime_url",
      labels: { project_id: "fusion-prime", host: "settlement-service-x-uc.a.run.app" },
    },
    httpCheck: { path: "/health", useSsl: true, serviceAgentAuthentication: { type: "OIDC_TOKEN" } },
  });
  expect(named(resources, "settlement-uptime-invoker").inputs).toMatchObject({
    name: "settlement-service",
    role: "roles/run.invoker",
    member: "serviceAccount:service-123@gcp-sa-monitoring-notification.iam.gserviceaccount.com",
  });
  expect([...waitsFor(resources, "settlement-uptime")]).toContain("settlement-uptime-invoker");
  expect(policy("uptime").conditions).toMatchObject([
    {
      conditionThreshold: {
        filter:
          'metric.type="monitoring.googleapis.com/uptime_check/check_passed" AND metric.labels.check_id="settlement-service-abc" AND resource.type="uptime_url"',
        aggregations: [{ perSeriesAligner: "ALIGN_NEXT_OLDER", crossSeriesReducer: "REDUCE_COUNT_FALSE" }],
        thresholdValue: 1,
      },
    },
  ]);
});

test("declares exactly these alerts, each for every recipient", () => {
  const found = resources.filter(({ type }) => type.includes("alertPolicy"));
  expect(found.map(({ name }) => name.replace("settlement-alert-", "")).sort()).toEqual([
    "backup",
    "certificate",
    "connections",
    "disk",
    "doctor",
    "errors",
    "half-migrated",
    "import",
    "memory",
    "old-backup",
    "replica-behind",
    "replica-stopped",
    "revision",
    "rotation",
    "uptime",
  ]);
  for (const { inputs } of found) {
    expect(inputs.notificationChannels).toEqual([
      "projects/fusion-prime/notificationChannels/oncall@example.com",
      "projects/fusion-prime/notificationChannels/lead@example.com",
    ]);
  }
});

test("declares no channels without addresses, but the same alerts", async () => {
  const { resources: silent } = await declare();
  expect(silent.filter(({ type }) => type.includes("notificationChannel"))).toEqual([]);
  const replicas = ["replica-behind", "replica-stopped"];
  expect(silent.filter(({ type }) => type.includes("alertPolicy"))).toHaveLength(policies().length - replicas.length);
});

test("limits notifications of log alerts only, as Google requires", () => {
  for (const { displayName, conditions, ...rest } of policies()) {
    const log = conditions[0]?.conditionMatchedLog !== undefined;
    expect([displayName, "alertStrategy" in rest]).toEqual([displayName, log]);
  }
});

test("uses only metrics that Google has, with thresholds of the same kind", () => {
  const page = JSON.stringify(named(resources, "settlement-dashboard").inputs).replaceAll(/\\+"/g, '"');
  const read = (text: string) => [...text.matchAll(/metric\.type="([^"]+)"/g)].map(([, type]) => type ?? "");
  // PromQL's name of a metric: https://cloud.google.com/monitoring/promql/promql-mapping
  const inPromQl = (query: string) =>
    [...query.matchAll(/([a-z_]+):([a-z_]+)/g)].map(
      ([, service = "", name]) => `${service.replaceAll("_", ".")}/${name ?? ""}`,
    );
  const all = [
    ...read(page),
    ...policies().flatMap(({ conditions }) =>
      conditions.flatMap(({ conditionThreshold }) => read(conditionThreshold?.filter ?? "")),
    ),
    ...policies().flatMap(({ conditions }) => inPromQl(conditions[0]?.conditionPrometheusQueryLanguage?.query ?? "")),
  ];
  expect(new Set(all)).toEqual(new Set(Object.keys(METRICS)));
  for (const { conditions } of policies()) {
    const { filter, thresholdValue } = conditions[0]?.conditionThreshold ?? {};
    const kind = METRICS[read(filter ?? "")[0] ?? ""];
    if (kind === "fraction") expect(thresholdValue).toBeLessThan(1);
    if (kind === "count") expect(thresholdValue).toBeGreaterThan(1);
  }
});

test("the dashboard's tiles fill one page without overlaps", () => {
  const { mosaicLayout } = JSON.parse(String(named(resources, "settlement-dashboard").inputs.dashboardJson)) as {
    mosaicLayout: { columns: number; tiles: ({ xPos?: number; yPos?: number } & Record<"width" | "height", number>)[] };
  };
  const cells = mosaicLayout.tiles.flatMap(({ xPos = 0, yPos = 0, width, height }) =>
    Array.from(
      { length: width * height },
      (_, index) => `${xPos + (index % width)},${yPos + Math.floor(index / width)}`,
    ),
  );
  expect(new Set(cells).size).toBe(cells.length);
  expect(cells).toHaveLength(
    mosaicLayout.columns * Math.max(...mosaicLayout.tiles.map(({ yPos = 0, height }) => yPos + height)),
  );
});

describe("docs/RUNBOOK.md", () => {
  const text = readFileSync(join(import.meta.dirname, "../../docs/RUNBOOK.md"), "utf8");
  const sections = [...text.matchAll(/^## (.+)$/gm)].map(([, title]) => title ?? "");

  test("has a section for each alert and no others", () => {
    expect(sections.sort()).toEqual(
      policies()
        .map(({ displayName }) => displayName)
        .sort(),
    );
  });

  test("is linked from each alert, with the doctor's command", async () => {
    const runbook = "https://git.example.com/settlement/docs/RUNBOOK.md";
    const linked = await declare({ alerts: { runbook }, database });
    for (const { displayName } of policies()) {
      const section = displayName.toLowerCase().replaceAll(" ", "-");
      const contents = [resources, linked.resources].map((each) => {
        const found = each.find(({ inputs }) => inputs.displayName === displayName);
        return (found?.inputs as Policy | undefined)?.documentation.content;
      });
      expect(contents[0]).toContain(`(docs/RUNBOOK.md#${section})`);
      expect(contents[1]).toContain(`(${runbook}#${section})`);
      expect(contents[0]).toContain("npm run doctor -- --stack test");
    }
  });
});

test.each([
  [{ email: "oncall@example.com" }, "settlement:alerts.email is"],
  [{ email: ["oncall"] }, "expected an e-mail address"],
  [{ runbook: "docs" }, "expected an address that begins with https://"],
  [{ pager: true }, "settlement:alerts.pager is not a key"],
])("rejects alerts %j", async (alerts, sentence) => {
  await expect(declare({ ...CONFIG, alerts })).rejects.toThrow(sentence);
});
