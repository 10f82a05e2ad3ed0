import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client, Failure } from "../../../ops/doctor/answer.ts";
import { notLookedAt, summary } from "../../../ops/doctor/verdict.ts";
import { CHECKS } from "../../../ops/doctor/checks.ts";
import { wrapCommand } from "../../../ops/terminal/command.ts";
import { exitCode, type Row } from "../../../ops/doctor/diagnosis.ts";
import { render } from "../../../ops/doctor/table.ts";
import { NotVisible } from "../../../ops/google/reader.ts";
import {
  alertPolicy,
  DECLARED,
  encoded,
  healthy,
  judge,
  metric,
  NOW,
  PASSWORD,
  type Recorded,
  RUN_AGENT,
  uptimeCheck,
} from "./recorded.ts";

const INSTANCES = "sql projects/fusion-prime/instances";
const POLICY = "resourceManager projects/fusion-prime:getIamPolicy";
const OPERATIONS = "sql projects/fusion-prime/operations";
const PASSWORD_VERSIONS = "secretManager projects/fusion-prime/secrets/settlement-db-password/versions";
const JOB = "cloudRunV2 projects/fusion-prime/locations/us-central1/jobs/settlement-migration";
const CALLERS = "cloudRunV2 projects/fusion-prime/locations/us-central1/services/settlement-service:getIamPolicy";
const EXPIRING = {
  ...{ role: "roles/run.invoker", members: ["user:somebody@example.com"] },
  condition: { title: "one day", expression: 'request.time < timestamp("2026-02-02T00:00:00Z")' },
};
const SERVICE = "cloudRunV2 projects/fusion-prime/locations/us-central1/services/settlement-service";
const SECRET = "secretManager projects/fusion-prime/secrets/settlement-db-connection-string";

const those = (rows: readonly Row[], verdict: Row["verdict"]) =>
  rows.filter((row) => row.verdict === verdict).map(({ check }) => check);

/** A stack whose instance has a private address only. */
const PRIVATE = { stack: "prod", declared: { ...DECLARED, network: true } } as const;

/** A healthy record with a change. */
function changed(change: (record: Recorded) => void): Recorded {
  const record = healthy();
  change(record);
  return record;
}

test("a healthy stack has no finding, and only the login is not checked", async () => {
  const rows = await judge(healthy());
  expect(rows.filter(({ verdict }) => verdict !== "ok").map(({ check }) => check)).toEqual([
    "login",
    "privileges",
    "schema-drift",
  ]);
  expect(exitCode(rows)).toBe(0);
});

test("the connection budget names the largest number of instances that fits, and what a rollout may need", async () => {
  const budget = async (most: number) =>
    (
      await judge(
        changed((record) => (record[SERVICE].template.scaling.maxInstanceCount = most)),
        {},
      )
    ).find(({ check }) => check === "connection-budget");
  expect(await budget(9)).toMatchObject({
    verdict: "ok",
    found:
      "9 instances × 10 connections + 10 reserved = 100 of 100 (10: the service's default); a rollout under full load may need 190",
  });
  expect((await budget(10))?.fix).toMatch(/^gcloud run services update .* --max-instances=9 /);
});

test("the connection budget counts the clients of poolers, and the connections that these open", async () => {
  const budget = async (clients: string, poolSize = "50") =>
    (
      await judge(
        changed((record) => {
          Object.assign(record[INSTANCES].items[0]?.settings ?? {}, {
            edition: "ENTERPRISE_PLUS",
            tier: "db-perf-optimized-N-8",
            databaseFlags: [],
            connectionPoolConfig: {
              connectionPoolingEnabled: true,
              flags: [
                { name: "max_client_connections", value: clients },
                { name: "max_pool_size", value: poolSize },
              ],
            },
          });
        }),
        {},
      )
    ).find(({ check }) => check === "connection-budget");
  expect(await budget("40")).toMatchObject({
    verdict: "ok",
    found:
      "4 instances × 10 connections = 40 of 40 clients (10: the service's default); 2 poolers × 2 logins × 50 connections + 10 reserved = 210 of 800",
  });
  expect((await budget("39"))?.fix).toMatch(/--connection-pool-flags=max_client_connections=40,max_pool_size=50 /);
  expect((await budget("40", "300"))?.fix).toMatch(
    /--connection-pool-flags=max_client_connections=40,max_pool_size=197 /,
  );
});

describe("the order of causes", () => {
  test("causes precede their consequences, so that there is always a first cause", () => {
    const ids = CHECKS.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const wrong = CHECKS.flatMap(({ causes }, index) =>
      causes.filter((cause) => !ids.slice(0, index).includes(cause)).map((cause) => [ids[index], cause]),
    );
    expect(wrong).toEqual([]);
  });

  test("lists findings by likelihood, then consequences with their causes, then what was not checked", async () => {
    const rows = await judge(
      changed((record) => {
        record[SERVICE].terminalCondition = { state: "CONDITION_FAILED", message: "It does not start." };
        record["storage b/fusion-prime-migrations/iam"].bindings = [];
        record[POLICY].bindings = [];
      }),
    );
    expect(rows.slice(0, 4).map(({ check, verdict, because }) => [check, verdict, because])).toEqual([
      ["client", "finding", undefined],
      ["bucket", "finding", undefined],
      ["revision", "consequence", ["Connecting to Cloud SQL"]],
      ["login", "unseen", undefined],
    ]);
  });

  test("a failed operation is ignored after a success of the same type, or after a week", async () => {
    const failed = (insertTime: string) => ({
      name: "op-restart",
      operationType: "RESTART",
      status: "DONE",
      insertTime,
      error: { errors: [{ code: "INTERNAL_ERROR", message: "It did not come back.\nMore." }] },
    });
    const having = (...operations: object[]) =>
      judge(changed((record) => record[OPERATIONS].items.push(...operations)));
    const [first] = await having(failed("2026-01-31T10:00:00Z"));
    expect(first).toMatchObject({ check: "operation", verdict: "finding" });
    expect(first?.found).toBe("RESTART at 2026-01-31 10:00 UTC failed: It did not come back.");
    expect(those(await having(failed("2026-01-20T10:00:00Z")), "finding")).toEqual([]);
    const later = { name: "op-2", operationType: "RESTART", status: "DONE", insertTime: "2026-01-31T11:00:00Z" };
    expect(those(await having(failed("2026-01-31T10:00:00Z"), later), "finding")).toEqual([]);
  });
});

describe("faults that the embedded cloud cannot show", () => {
  const faults: [string, (record: Recorded) => void, string, RegExp][] = [
    [
      "a login that the next rotation needs, and that does not exist",
      (record) => record["sql projects/fusion-prime/instances/fusion-prime-db-a504713e/users"].items.pop(),
      "rotation",
      /^the login settlement_user_b, to which the next rotation moves the service, does not exist$/,
    ],
    [
      "a full disk that has shut the instance down",
      (record) => {
        for (const instance of record[INSTANCES].items) {
          instance.outOfDiskReport.sqlOutOfDiskState = "SOFT_SHUTDOWN";
          instance.state = "SUSPENDED";
        }
      },
      "disk",
      /full \(10 GB\): Cloud SQL has shut fusion-prime-db-a504713e down/,
    ],
    [
      "a disk about to be full",
      (record) => (record["monitoring disk/utilization"] = metric(0.97)),
      "disk",
      /97 % of 10 GB, grows automatically/,
    ],
    [
      "connections about to run out",
      (record) => (record["monitoring postgresql/num_backends"] = metric(95)),
      "connections",
      /95 of 100/,
    ],
    [
      "more instances than the database has connections for",
      (record) => (record[SERVICE].template.scaling.maxInstanceCount = 12),
      "connection-budget",
      /^12 instances × 10 connections \+ 10 reserved = 130 of 100 \(10: the service's default\)$/,
    ],
    [
      "a pool for which the database has too few connections",
      (record) =>
        record[SERVICE].template.containers[0]?.env.push({ name: "DATABASE_POOL_SIZE", value: "40" } as never),
      "connection-budget",
      /^4 instances × 40 connections \+ 10 reserved = 170 of 100$/,
    ],
    [
      "a backup that is overdue",
      (record) => {
        for (const run of record["sql projects/fusion-prime/instances/fusion-prime-db-a504713e/backupRuns"].items) {
          run.endTime = new Date(NOW.getTime() - 49 * 3_600_000).toISOString();
        }
      },
      "backup",
      /49 hours old/,
    ],
    [
      "a certificate about to expire",
      (record) => {
        for (const instance of record[INSTANCES].items) instance.serverCaCert.expirationTime = "2026-02-20T10:00:00Z";
      },
      "certificate",
      /^expires in 19 days$/,
    ],
    [
      "a password due for rotation",
      (record) => {
        for (const version of record[PASSWORD_VERSIONS].versions) version.createTime = "2025-10-25T12:00:00Z";
      },
      "rotation",
      /^98 days old; rotation is due after 90$/,
    ],
    [
      "a failed migration job",
      (record) => {
        record[JOB] = {
          latestCreatedExecution: {
            name: "settlement-migration-x7k2p",
            createTime: "2026-01-31T20:00:00.123Z",
            completionStatus: "EXECUTION_FAILED",
          },
        };
      },
      "migration",
      /^execution settlement-migration-x7k2p of the job settlement-migration at 2026-01-31 20:00 UTC failed$/,
    ],
    [
      "an instance suspended by Google",
      (record) => {
        for (const instance of record[INSTANCES].items) instance.state = "SUSPENDED";
      },
      "instance",
      /is SUSPENDED/,
    ],
    [
      "a secret that anyone may read",
      (record) =>
        record[`${SECRET}:getIamPolicy`].bindings.push({
          role: "roles/secretmanager.secretAccessor",
          members: ["allAuthenticatedUsers"],
        }),
      "outsiders",
      /allAuthenticatedUsers has roles\/secretmanager.secretAccessor on settlement-db-connection-string/,
    ],
    [
      "a rollout that stopped before its revision got traffic",
      (record) => {
        record[SERVICE].traffic = [
          { type: "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", revision: "settlement-service-00000-old", percent: 100 },
          { type: "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", tag: "candidate" },
        ];
      },
      "traffic",
      /^pinned: 100 % to settlement-service-00000-old; settlement-service-00001-abc, .*: its rollout was stopped, or is running$/,
    ],
    [
      "a public address of an instance that the stack declares as private",
      (record) => {
        const ipConfiguration = {
          ipv4Enabled: true,
          privateNetwork: "projects/fusion-prime/global/networks/settlement",
        };
        for (const { settings } of record[INSTANCES].items) {
          settings.ipConfiguration = { ...ipConfiguration, sslMode: "ENCRYPTED_ONLY" };
        }
      },
      "authorized-networks",
      /^fusion-prime-db-a504713e has a public address; the stack declares only a private one$/,
    ],
    [
      "a client role without a condition, granted manually",
      (record) => {
        for (const binding of record[POLICY].bindings) delete binding.condition;
      },
      "breadth",
      /the service's account has roles\/cloudsql.client on fusion-prime/,
    ],
    [
      "an older schema version, by the last import",
      (record) => {
        const [, operation] = record[OPERATIONS].items as { importContext: { uri: string } }[];
        if (operation)
          operation.importContext.uri = "gs://fusion-prime-migrations/imports/20250101000000-0123456789ab.sql";
      },
      "schema-version",
      /^20250101000000, by the last import; expected \d{14}/,
    ],
    [
      "a duplicate alert and uptime check, after a lost response",
      (record) => {
        const { alertPolicies } = record["monitoring v3/projects/fusion-prime/alertPolicies"];
        alertPolicies.push(alertPolicy("2", "Failed backup", "2026-01-30T12:41:00Z"));
        alertPolicies.unshift(alertPolicy("3", "Failed backup", "2026-01-30T12:42:00Z"));
        record["monitoring v3/projects/fusion-prime/uptimeCheckConfigs"].uptimeCheckConfigs.push(uptimeCheck("a"));
      },
      "doubles",
      /^"Failed backup", "Settlement service" exist more than once/,
    ],
    [
      "a database restored to before the import",
      (record) =>
        record[OPERATIONS].items.push({
          name: "op-restore",
          operationType: "RESTORE_VOLUME",
          status: "DONE",
          insertTime: "2026-01-31T00:00:00Z",
        }),
      "tables",
      /no import into settlement_db is recorded/,
    ],
  ];

  test("deletes the older of duplicate alerts and the unused uptime check, and ignores those of other projects", async () => {
    const duplicate = faults.find(([, , check]) => check === "doubles");
    const [row] = await judge(changed((record) => duplicate?.[1](record)));
    expect(row?.fix).toBe(
      "gcloud alpha monitoring policies delete 2 --project=fusion-prime && " +
        "gcloud monitoring uptime delete settlement-service-a --project=fusion-prime",
    );
    const others = await judge(
      changed((record) => {
        const { alertPolicies } = record["monitoring v3/projects/fusion-prime/alertPolicies"];
        const [policy = alertPolicy("", "", "")] = alertPolicies;
        alertPolicies.push({ ...policy, userLabels: { app: "another" } });
      }),
    );
    expect(those(others, "finding")).toEqual([]);
  });

  test.each(faults)("reports %s", async (_name, change, check, found) => {
    const rows = await judge(changed(change), check === "authorized-networks" ? PRIVATE : undefined);
    expect(those(rows, "finding")).toEqual([check]);
    expect(rows[0]?.found).toMatch(found);
    expect(rows[0]?.fix).toMatch(/^(gcloud|npm run (rotate|up|migration -- recreate)) /);
    expect(exitCode(rows)).toBe(1);
  });
});

describe("a replica", () => {
  const name = "fusion-prime-db-a504713e-us-east1";
  const having = (change: (instance: Record<string, unknown>) => void, lag: number | undefined) =>
    judge(
      changed((record) => {
        const [primary] = record[INSTANCES].items;
        if (!primary) return;
        const replica: Record<string, unknown> = {
          ...structuredClone(primary),
          ...{ name, region: "us-east1", connectionName: `fusion-prime:us-east1:${name}` },
          ...{ instanceType: "READ_REPLICA_INSTANCE", masterInstanceName: `fusion-prime:${primary.name}` },
        };
        change(replica);
        record[INSTANCES].items.push(replica as never);
        if (lag !== undefined) Object.assign(record, { "monitoring replication/replica_lag": metric(lag) });
      }),
    );
  const unchanged = () => undefined;

  test("is shown with its lag", async () => {
    const rows = await having(unchanged, 0.4);
    expect(those(rows, "finding")).toEqual([]);
    expect(rows.find(({ check }) => check === "replica")?.found).toBe(`${name} in us-east1 is 0.4 s behind`);
  });

  test.each<[string, (instance: Record<string, unknown>) => void, number | undefined, RegExp, RegExp]>([
    ["far behind", unchanged, 61, /is 61.0 s behind/, /operations list --instance=fusion-prime-db-a504713e-us-east1/],
    ["lost", (one) => (one.state = "FAILED"), 0, /us-east1 is FAILED/, /operations list/],
    [
      "disabled",
      (one) => (one.settings = { ...(one.settings as object), databaseReplicationEnabled: false }),
      0,
      /replication to .* is disabled/,
      /--enable-database-replication/,
    ],
    [
      "stopped",
      (one) => (one.settings = { ...(one.settings as object), activationPolicy: "NEVER" }),
      0,
      /was stopped/,
      /--activation-policy=ALWAYS/,
    ],
  ])("that is %s is a finding", async (_what, change, lag, found, fix) => {
    const rows = await having(change, lag);
    expect(those(rows, "finding")).toEqual(["replica"]);
    expect(rows[0]?.found).toMatch(found);
    expect(rows[0]?.fix).toMatch(fix);
  });

  test("whose lag was not measured is not judged", async () => {
    expect(those(await having(unchanged, undefined), "unseen")).toContain("replica");
  });
});

describe("a load balancer", () => {
  const DOMAIN = "settlement.example.com";
  const GLOBAL = "compute projects/fusion-prime/global";
  const CERTIFICATE = `${GLOBAL}/sslCertificates/settlement-settlement-example-com`;
  const BACKEND = `${GLOBAL}/backendServices/settlement`;
  const RULE = `${GLOBAL}/forwardingRules/settlement`;
  const leadingTo = (...regions: string[]) => ({
    backends: regions.map((region) => ({
      group: `https://www.googleapis.com/compute/v1/projects/fusion-prime/regions/${region}/networkEndpointGroups/settlement`,
    })),
  });
  const issued = (status: string, ofDomain: string) => ({ managed: { status, domainStatus: { [DOMAIN]: ofDomain } } });
  const having = (
    change: Readonly<Record<string, object | undefined>> = {},
    region = "us-central1",
    underway = false,
  ) =>
    judge(
      {
        ...healthy(),
        [RULE]: { IPAddress: "203.0.113.7" },
        [CERTIFICATE]: issued("ACTIVE", "ACTIVE"),
        [BACKEND]: leadingTo("us-central1"),
        ...change,
      },
      { stack: "prod", declared: { ...DECLARED, frontend: { domain: DOMAIN, region, underway } } },
    );
  const rowOf = (rows: readonly Row[]) => rows.find(({ check }) => check === "frontend");

  test("is not asked about on a stack without one", async () => {
    const rows = await judge({ ...healthy(), [RULE]: undefined, [CERTIFICATE]: undefined, [BACKEND]: undefined });
    expect(rowOf(rows)).toMatchObject({ verdict: "ok", found: "none" });
  });

  test("leads to the region of the primary, also after a failover", async () => {
    expect(rowOf(await having())).toMatchObject({ verdict: "ok", found: `${DOMAIN} leads to us-central1` });
    const promoted = await having({ [BACKEND]: leadingTo("us-east1") }, "us-east1");
    expect(rowOf(promoted)).toMatchObject({ verdict: "ok", found: `${DOMAIN} leads to us-east1` });
  });

  const UP = "npm run up -- --stack=prod --refresh";
  const SHOW =
    "gcloud compute ssl-certificates describe settlement-settlement-example-com --global --project=fusion-prime";
  test.each<[string, Parameters<typeof having>, string, string]>([
    [
      "whose domain leads elsewhere",
      [{ [CERTIFICATE]: issued("PROVISIONING", "FAILED_NOT_VISIBLE") }],
      `the certificate is PROVISIONING, and its domain ${DOMAIN} FAILED_NOT_VISIBLE; let an A record lead to 203.0.113.7`,
      SHOW,
    ],
    [
      "whose certificate has no status yet",
      [{ [CERTIFICATE]: {} }],
      `the certificate is without a status, and its domain ${DOMAIN} too; let an A record lead to 203.0.113.7`,
      SHOW,
    ],
    [
      "that leads to the former region",
      [{}, "us-east1"],
      `${DOMAIN} leads to us-central1, and the primary is in us-east1`,
      UP,
    ],
    [
      "whose failover was interrupted",
      [{}, "us-east1", true],
      `${DOMAIN} leads to us-central1, and the primary is in us-east1`,
      "npm run failover -- --stack=prod",
    ],
    [
      "that leads to both regions",
      [{ [BACKEND]: leadingTo("us-central1", "us-east1") }],
      `${DOMAIN} leads to us-central1 and us-east1, and the primary is in us-central1`,
      UP,
    ],
    ["without a backend", [{ [BACKEND]: {} }], `${DOMAIN} leads to no region, and the primary is in us-central1`, UP],
  ])("%s is a finding", async (_what, args, found, fix) => {
    const rows = await having(...args);
    expect(those(rows, "finding")).toEqual(["frontend"]);
    expect(rowOf(rows)).toMatchObject({ found, fix });
  });

  test("is not judged if it is not visible, and a finding if its parts were deleted", async () => {
    const hidden = rowOf(await having({ [BACKEND]: undefined }));
    expect(hidden).toMatchObject({ verdict: "unseen", role: "roles/viewer on the project" });
    const declared = { ...DECLARED, frontend: { domain: DOMAIN, region: "us-central1", underway: false } };
    expect(rowOf(await judge(healthy(), { stack: "prod", declared }))).toMatchObject({
      verdict: "finding",
      found:
        "missing: the forwarding rule settlement, the certificate settlement-settlement-example-com, the backend service settlement",
      fix: UP,
    });
  });
});

describe("what is not visible", () => {
  test("does not matter if another policy grants the role", async () => {
    const record = { ...healthy(), [POLICY]: undefined };
    const rows = await judge(record);
    expect(rows.find(({ check }) => check === "accessor")?.verdict).toBe("ok");
    expect(those(rows, "unseen")).toEqual(["client", "login", "privileges", "schema-drift", "outsiders", "breadth"]);
  });

  test.each([
    ["a group", { role: "roles/cloudsql.client", members: ["group:services@example.com"] }],
    [
      "a custom role",
      {
        role: "projects/fusion-prime/roles/connector",
        members: ["serviceAccount:settlement-service@fusion-prime.iam.gserviceaccount.com"],
      },
    ],
  ])("is no finding if %s may grant the role", async (_name, binding) => {
    const rows = await judge(changed((record) => (record[POLICY].bindings = [binding])));
    expect(those(rows, "finding")).toEqual([]);
    expect(rows.find(({ check }) => check === "client")?.found).toContain(
      `${binding.role} for ${binding.members[0] ?? ""}`,
    );
  });

  test("is no finding if Cloud SQL may no longer list the import", async () => {
    const tables = async (change: (record: Recorded) => void) =>
      (await judge(changed(change))).find(({ check }) => check === "tables");
    expect((await tables((record) => record[OPERATIONS].items.pop()))?.verdict).toBe("finding");
    expect(await tables((record) => (record[OPERATIONS].items = []))).toMatchObject({
      verdict: "unseen",
      found: expect.stringContaining("only a login can show") as string,
    });
  });

  test("is everything in a project that does not exist or is hidden, whatever Google answers for its parts", async () => {
    const rows = await judge({});
    expect(those(rows, "finding")).toEqual([]);
    expect(summary(rows)).toBe(
      "Inconclusive: Project: fusion-prime does not exist, or this caller may not see it (needs roles/viewer on the project)",
    );
    expect(exitCode(rows)).toBe(3);
  });

  test("makes the diagnosis inconclusive if it is the instance or the service", async () => {
    const rows = await judge({ ...healthy(), [INSTANCES]: undefined });
    expect(exitCode(rows)).toBe(3);
    expect(render(rows, false)).toMatch(/^Inconclusive: Instance: permission denied \(needs roles\/viewer/);
    expect(exitCode(await judge({ ...healthy(), [SERVICE]: undefined }))).toBe(3);
  });
});

describe("what users get", () => {
  const hidden = () => Promise.reject(new NotVisible("the service was not called", "roles/run.invoker on the service"));
  const failing = (failure: Partial<Failure>) => () =>
    Promise.resolve({ request: "GET /health", status: 503, ...failure });
  const look = (client: Client, record = healthy()) => judge(record, {}, undefined, client);
  const timestamp = NOW.toISOString();
  const request = (requestMethod: string, path: string, status: number) => ({
    timestamp,
    httpRequest: { requestMethod, requestUrl: `https://settlement-service.example.com${path}`, status },
  });

  test("is part of the verdict, and a finding where nothing explains it", async () => {
    const rows = await look(failing({}));
    expect(rows[0]).toMatchObject({ check: "answer", verdict: "finding", found: "GET /health answers 503" });
    expect(exitCode(rows)).toBe(1);
    const stopped = changed((record) => (record[POLICY].bindings = []));
    expect(summary(await look(failing({}), stopped))).toMatch(
      /Cloud SQL: .*\. Users get errors: GET \/health answers 503$/,
    );
    expect(summary(await look(() => Promise.resolve(undefined), stopped))).toMatch(/\. The service answers$/);
  });

  test("tells a refused login, a missing table and a missing right without a login", async () => {
    const causes = [
      ["28P01", "login"],
      ["42501", "privileges"],
      ["42P01", "tables"],
    ];
    for (const [code = "", check] of causes) {
      const rows = await look(failing({ code }));
      expect(rows[0]).toMatchObject({ check, verdict: "finding" });
      expect(those(rows, "consequence")).toEqual(["answer"]);
    }
  });

  test("tells a password that has expired from a wrong one, by the newest refusal in PostgreSQL's log", async () => {
    const refusals = (...processes: [number, string][]) =>
      changed((record) => {
        record["logging entries:list"].entries = processes.flatMap(([pid, detail]) =>
          [`DETAIL:  ${detail}`, 'FATAL:  password authentication failed for user "settlement_user"'].map((text) => ({
            timestamp,
            textPayload: `2026-01-31 12:00:00.000 UTC [${pid}]: [1-1] db=settlement_db,user=settlement_user ${text}`,
          })),
        );
      });
    const expired = 'User "settlement_user" has an expired password.';
    const found = async (record: Recorded) => (await look(failing({ code: "28P01" }), record))[0];
    expect(await found(refusals([7, expired], [6, "Connection matched file"]))).toMatchObject({
      check: "login",
      found: "PostgreSQL refuses the login settlement_user, because its password has expired",
    });
    for (const record of [refusals([7, "Connection matched file"], [6, expired]), refusals()])
      expect((await found(record))?.found).toBe("PostgreSQL refuses the login of the service: 28P01");
  });

  test("never shows a name that may be a misplaced password", async () => {
    const message = (user: string) => `PostgreSQL: password authentication failed for user "${user}"`;
    const shown = async (user: string) =>
      JSON.stringify(await look(failing({ code: "28000", message: message(user) })));
    expect(await shown(PASSWORD)).not.toContain(PASSWORD);
    expect(await shown("settlement_user_b")).toContain('user \\"settlement_user_b\\"');
  });

  test("is in the log, for who may not call the service: each path whose newest request failed", async () => {
    const having = (...entries: gapi.client.logging.LogEntry[]) =>
      look(
        hidden,
        changed((record) => (record["logging entries:list"].entries = entries)),
      );
    const rows = await having(
      request("GET", "/health", 200),
      { timestamp, jsonPayload: { message: 'POST /commands 500 {"error":{"message":"It is gone.","code":"42P01"}}' } },
      request("POST", "/commands", 500),
      request("GET", "/health", 503),
      request("GET", "/commands/1", 404),
    );
    expect(rows[0]).toMatchObject({ check: "tables", verdict: "finding" });
    expect(rows.find(({ check }) => check === "errors")).toMatchObject({
      verdict: "consequence",
      found: "2 of 4 requests failed in the last 15 minutes; the last POST /commands answers 500 (42P01)",
    });
    const past = await having(request("POST", "/commands", 200), request("POST", "/commands", 500));
    expect(those(past, "finding")).toEqual([]);
    expect(past.find(({ check }) => check === "errors")?.found).toBe("1 of 2 requests failed in the last 15 minutes");
  });

  test("is not looked at if the caller may not: then there is no verdict, but the way to one", async () => {
    const rows = await look(hidden);
    expect(summary(rows)).toMatch(
      /^Whether the service answers was not looked at; \d+ of \d+ checks find nothing, 4 could/,
    );
    expect(notLookedAt(rows)).toMatch(
      /^Not looked at: Login: .*; Table privileges, Schema drift: no login .* run `cloud-sql-proxy --unix-socket DIR \S+` and add --socket DIR \(needs \S+ on the project\); Service answers: the service was not called \(needs roles\/run.invoker on the service\)\.$/,
    );
    expect(exitCode(rows)).toBe(0);
  });
});

describe("the password, without a login", () => {
  const login = async (ofState?: (login: string) => Promise<string>, record = healthy()) => {
    const rows = await judge(record, { stack: "prod" }, ofState);
    for (const password of [PASSWORD, "Another"]) expect(JSON.stringify(rows)).not.toContain(password);
    return rows.find(({ check }) => check === "login");
  };
  const secret = "settlement-db-connection-string";

  test("is compared with the one in the stack's state", async () => {
    const asked: string[] = [];
    const ofState = (name: string) => {
      asked.push(name);
      return Promise.resolve(PASSWORD);
    };
    const found = `${secret} matches the password of settlement_user in the stack's state; no login was tried`;
    expect(await login(ofState)).toMatchObject({ verdict: "ok", found });
    expect(asked).toEqual(["settlement_user"]);
  });

  test("is a finding if they differ", async () => {
    expect(await login(() => Promise.resolve("Another"))).toMatchObject({
      verdict: "finding",
      found: `${secret} does not match the password of settlement_user in the stack's state; no login was tried`,
      fix: "npm run up -- --stack=prod --refresh",
    });
  });

  test("is not confirmed if a login was changed later", async () => {
    const change = (insertTime: string, user: string) => ({
      name: "op-user",
      operationType: "UPDATE_USER",
      status: "DONE",
      insertTime,
      user,
    });
    // The first two end the import.
    const record = changed((one) => {
      one[OPERATIONS].items.push(change("2026-01-30T12:31:00Z", "deployer"));
      one[OPERATIONS].items.push(change("2026-01-30T12:32:00Z", "deployer"));
      one[OPERATIONS].items.push(change("2026-01-31T12:00:00Z", "somebody@example.com"));
    });
    const row = await login(() => Promise.resolve(PASSWORD), record);
    expect(row?.verdict).toBe("unseen");
    expect(row?.found).toMatch(/no login was tried.*matches the password of settlement_user.*Suspicious: somebody@/s);
  });

  test("is not checked if neither is possible, with both reasons", async () => {
    const row = await login(() => Promise.reject(new NotVisible("the state of prod cannot be read")));
    expect(row).toMatchObject({ verdict: "unseen", role: "roles/cloudsql.client on the project" });
    expect(row?.found).toMatch(
      /no login was tried.*The password was not compared either: the state of prod cannot be read$/s,
    );
  });
});

test("a certificate is rotated immediately only if all clients are connectors", async () => {
  const fix = async (connectorEnforcement: string, certs: object[] = []) => {
    const record: object = {
      ...changed((record) => {
        for (const instance of record[INSTANCES].items) {
          instance.serverCaCert.createTime = "2016-01-20T10:00:00Z";
          instance.serverCaCert.expirationTime = "2026-01-20T10:00:00Z";
          instance.settings.connectorEnforcement = connectorEnforcement;
        }
      }),
      [`${INSTANCES}/fusion-prime-db-a504713e/listServerCas`]: { certs },
    };
    const rows = await judge(record);
    expect(rows[0]?.found).toMatch(/^expired on 2026-01-20T10:00:00Z/);
    return rows[0]?.fix;
  };
  const create = "gcloud sql ssl server-ca-certs create --instance=fusion-prime-db-a504713e --project=fusion-prime";
  expect(await fix("NOT_REQUIRED")).toBe(create);
  const rotate = create.replace("create", "rotate");
  expect(await fix("REQUIRED")).toBe(`${create} && ${rotate}`);
  const certs = [{ createTime: "2016-01-20T10:00:00Z" }, { createTime: "2026-01-31T10:00:00Z" }];
  expect(await fix("NOT_REQUIRED", certs)).toBe(rotate);
});

test("checks the instance that the service mounts, else the newest", async () => {
  const named = async (change: (record: Recorded) => void) =>
    (await judge(changed(change))).find(({ check }) => check === "instance")?.found;
  const add = (record: Recorded) => {
    const [instance] = record[INSTANCES].items;
    if (!instance) return;
    const name = "fusion-prime-db-0badcafe";
    const connectionName = `fusion-prime:us-central1:${name}`;
    record[INSTANCES].items.push({ ...instance, name, connectionName, createTime: "2026-01-31T10:00:00Z" });
  };
  expect(await named(add)).toContain("fusion-prime-db-a504713e");
  const unmounted = (record: Recorded) => {
    add(record);
    record[SERVICE].template.volumes = [];
  };
  expect(await named(unmounted)).toContain("fusion-prime-db-0badcafe");
});

test("rewrites a connection string for the login in use", async () => {
  const turn = async (login: string) => {
    const rows = await judge(
      changed((record) => {
        record["sql projects/fusion-prime/instances/fusion-prime-db-a504713e/users"] = {
          items: [{ name: "settlement_user" }, { name: "settlement_user_b" }],
        };
        record[`${SECRET}/versions/1:access`] = encoded(
          `postgresql+asyncpg://${login}:S3cret@/settlement_db?host=/cloudsql/fusion-prime:us-central1:fusion-prime-db-0badcafe`,
        );
      }),
      {},
    );
    return rows.find(({ check }) => check === "connection-string")?.fix;
  };
  for (const login of ["settlement_user", "settlement_user_b"]) expect(await turn(login)).toContain(`//${login}:%s@`);
  expect(await turn("somebody")).toContain("//settlement_user:%s@");
});

test("accepts the schema version that the stack configures", async () => {
  const older = (record: Recorded) => {
    const [, operation] = record[OPERATIONS].items as { importContext: { uri: string } }[];
    if (operation) operation.importContext.uri = "gs://fusion-prime-migrations/imports/20251025120000-0123456789ab.sql";
  };
  const found = (rows: readonly Row[]) => rows.find(({ check }) => check === "schema-version")?.verdict;
  expect(found(await judge(changed(older)))).toBe("finding");
  expect(found(await judge(changed(older), { schemaVersion: "20251025120000" }))).toBe("ok");
});

test("on local, gcloud gets the settings of npm start, the service comes back by an update, and no fix deletes all data", async () => {
  const broken = changed((record) => {
    record[POLICY].bindings = [];
    record[SERVICE].template.volumes = [];
    record[OPERATIONS].items.push({
      ...{ name: "op-failed", operationType: "IMPORT", status: "DONE", insertTime: "2026-01-31T10:00:00Z" },
      error: { errors: [{ code: "ERROR_RDBMS", message: "canceling statement due to lock timeout" }] },
    });
  });
  const fixes = new Map((await judge(broken, { stack: "local" })).map(({ check, fix = "" }) => [check, fix]));
  expect(fixes.get("client")).toMatch(/^\(\. \.local\/start\/env && gcloud projects add-iam-policy-binding .*\)$/);
  expect(fixes.get("connection-name")).toBe("npm run up -- --stack=local --refresh");
  expect(fixes.get("migration")).toBe("npm run up -- --stack=local --refresh");
});

test("gives only gcloud commands without a stack", async () => {
  const rows = await judge({ [INSTANCES]: {}, "resourceManager projects/fusion-prime": {} }, {});
  const fixes = rows.flatMap(({ fix }) => (fix === undefined ? [] : [fix]));
  expect(fixes.length).toBeGreaterThan(3);
  const old = changed((record) => {
    for (const version of record[PASSWORD_VERSIONS].versions) version.createTime = "2025-10-25T12:00:00Z";
  });
  fixes.push((await judge(old, {}))[0]?.fix ?? "none");
  for (const fix of fixes) expect(fix).toMatch(/^(gcloud |password=\$\(gcloud |openssl .* gcloud )/);
});

describe("the command that rewrites the connection string", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "doctor-"))));
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  /** Runs the fix with a fake gcloud that records the added version; returns the exit code. */
  async function run(access: string) {
    const broken = changed((record) => (record[`${SECRET}/versions/1:access`] = encoded("sqlite://")));
    const rows = await judge(broken, {});
    const [first] = rows;
    expect(first?.check).toBe("connection-string");
    const gcloud = `#!/bin/sh\ncase "$*" in *access*) ${access};; *add*) cat > "${folder}/added";; esac\n`;
    writeFileSync(join(folder, "gcloud"), gcloud, { mode: 0o755 });
    const script = wrapCommand(first?.fix ?? "", 60).join("\n");
    return spawnSync("sh", ["-c", script], { env: { PATH: `${folder}:${process.env.PATH ?? ""}` } }).status;
  }

  test("pipes the password into it", async () => {
    expect(await run("printf S3cret")).toBe(0);
    expect(readFileSync(join(folder, "added"), "utf8")).toBe(
      "postgresql+asyncpg://settlement_user:S3cret@/settlement_db?host=/cloudsql/fusion-prime:us-central1:fusion-prime-db-a504713e",
    );
  });

  test("adds nothing if the password cannot be read", async () => {
    expect(await run("exit 1")).toBe(1);
    expect(existsSync(join(folder, "added"))).toBe(false);
  });
});

test("without a stack, what none declares is no fault: callers, and clients without a connector", async () => {
  const record = changed((one) => {
    for (const { settings } of one[INSTANCES].items) settings.connectorEnforcement = "NOT_REQUIRED";
    one[CALLERS].bindings.push({ role: "roles/run.invoker", members: ["allUsers", "user:somebody@example.com"] });
  });
  expect(those(await judge(record), "finding")).toEqual(["encryption", "invokers"]);
  expect(those(await judge(record, {}), "finding")).toEqual([]);
});

test("a membership with a condition is removed too", async () => {
  const row = (await judge(changed((one) => one[CALLERS].bindings.push(EXPIRING)))).find(
    ({ check }) => check === "invokers",
  );
  expect(row?.fix).toContain("--member=user:somebody@example.com --role=roles/run.invoker --all");
});

describe("the table", () => {
  test("begins with the cause, then has what is wrong, in a line what is well, and fits 80 columns", async () => {
    const rows = await judge(
      changed((record) => {
        record[POLICY].bindings = [];
        record[SERVICE].terminalCondition = { state: "CONDITION_FAILED", message: "word ".repeat(100) };
      }),
    );
    const text = render(rows, false);
    const [cause = "", finding = "", consequence = "", passed = "", unseen = "", ...more] = text.split("\n\n");
    expect(cause).toMatch(/^Most likely cause: Connecting to Cloud SQL:\nsettlement-service@/);
    expect(finding).toMatch(
      /^finding {6}Connecting to Cloud SQL:\n {13}settlement-service@.*\n.*\n {13}\$ gcloud projects add-iam/,
    );
    expect(consequence).toMatch(/^consequence {2}Newest revision: not ready/);
    expect(passed).toBe(`ok           ${those(rows, "ok").length} checks passed; --json lists them`);
    expect(unseen).toMatch(/^Not looked at: Login: /);
    expect(more).toEqual([]);
    expect(text.split("\n").filter((line) => line.length > 80)).toEqual([]);
  });

  test("shows a command that a shell understands although a word of it is longer than a line", async () => {
    const [row] = await judge(changed((record) => (record[POLICY].bindings = [])));
    const shown = /\$ (gcloud [\s\S]*)/.exec(render(row ? [row] : [], false))?.[1] ?? "";
    const words = (script: string) =>
      spawnSync("sh", ["-c", `gcloud() { printf '%s\\n' "$@"; }; ${script}`], { encoding: "utf8" }).stdout;
    expect(words(row?.fix ?? "")).toContain("--condition=title=");
    expect(words(shown)).toBe(words(row?.fix ?? ""));
  });

  test("has colours only on request", async () => {
    const rows = await judge(healthy());
    expect(render(rows, true)).toContain("\u001b[32mok");
    expect(render(rows, false)).not.toContain("\u001b");
  });
});

describe("an image of another project", () => {
  const IMAGE = "us-central1-docker.pkg.dev/fusion-images/settlement/settlement-service:1";
  const REPOSITORY =
    "artifactRegistry projects/fusion-images/locations/us-central1/repositories/settlement:getIamPolicy";
  const HOME = "resourceManager projects/fusion-images:getIamPolicy";
  const fix =
    "gcloud artifacts repositories add-iam-policy-binding settlement --location=us-central1 --project=fusion-images " +
    `--role=roles/artifactregistry.reader --member="serviceAccount:${RUN_AGENT}"`;
  const row = async (record: object, check: string) =>
    (await judge(record as Recorded)).find((each) => each.check === check);
  const withImage = (more: object) => ({
    ...changed((record) => {
      const [container] = record[SERVICE].template.containers;
      if (container) container.image = IMAGE;
    }),
    ...more,
  });
  const reader = { role: "roles/artifactregistry.reader", members: [`serviceAccount:${RUN_AGENT}`] };

  test.each([
    ["the agent may read its repository", { [REPOSITORY]: { bindings: [reader] }, [HOME]: undefined }, "ok"],
    ["the agent may read all of its project", { [REPOSITORY]: {}, [HOME]: { bindings: [reader] } }, "ok"],
    ["nobody let the agent read it", { [REPOSITORY]: {}, [HOME]: {} }, "finding"],
    ["the policies are not visible", { [REPOSITORY]: undefined, [HOME]: undefined }, "unseen"],
  ])("%s", async (_what, more, verdict) => {
    const found = await row(withImage(more), "image");
    expect(found?.verdict).toBe(verdict);
    if (verdict === "finding") expect(found).toMatchObject({ found: expect.stringContaining("lacks") as string, fix });
  });

  test("that Cloud Run refused to read is told from its message, with the fix", async () => {
    const record = withImage({ [REPOSITORY]: undefined, [HOME]: undefined });
    record[SERVICE].terminalCondition = {
      state: "CONDITION_FAILED",
      message:
        "Revision 'settlement-service-00002-abc' is not ready and cannot serve traffic. Google Cloud Run Service Agent " +
        `${RUN_AGENT} must have permission to read the image, ${IMAGE}. Ensure that the provided container image URL is correct.`,
    };
    const again = `gcloud run services update settlement-service --region=us-central1 --image=${IMAGE} --project=fusion-prime`;
    expect(await row(record, "revision")).toMatchObject({ verdict: "finding", fix: `${fix} && ${again}` });
  });
});
