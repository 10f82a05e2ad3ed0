import { timeSeries } from "../../../../packages/embedded-google-cloud/apis/monitoring/time-series.ts";
import { createInstance, done, ROOT as SQL_ROOT } from "./cloudsql/setup.ts";
import { Embedded, message, OTHER_PROJECT, PROJECT } from "../embedded.ts";

const V3 = `/v3/projects/${PROJECT}`;
const CHANNELS = `${V3}/notificationChannels`;
const POLICIES = `${V3}/alertPolicies`;
const CHANNEL = { type: "email", displayName: "oncall", labels: { email_address: "oncall@example.com" } };
const CONDITION = { displayName: "failed migration", conditionMatchedLog: { filter: "severity>=ERROR" } };
const POLICY = { displayName: "Failed migration", combiner: "OR", conditions: [CONDITION] };

describe("Cloud Monitoring", () => {
  const embedded = new Embedded();

  beforeAll(() => embedded.start("monitoring.googleapis.com"));
  afterAll(() => embedded.remove());

  const made = async (collection: string, body: object) => {
    const answer = await embedded.post(collection, body);
    expect(answer.status).toBe(200);
    return { ...answer.body, url: `/v3/${String(answer.body.name)}`, name: String(answer.body.name) };
  };

  test("gives a channel a name and a creation record", async () => {
    const { url, ...channel } = await made(CHANNELS, CHANNEL);
    expect(channel).toMatchObject({
      ...CHANNEL,
      enabled: true,
      name: expect.stringMatching(/^projects\/fusion-prime\/notificationChannels\/\d+$/) as string,
      creationRecord: { mutatedBy: "owner@local.test", mutateTime: expect.any(String) as string },
    });
    expect((await embedded.get(url)).body).toEqual(channel);
  });

  test("gives the conditions of a policy names", async () => {
    const channel = await made(CHANNELS, CHANNEL);
    const policy = await made(POLICIES, { ...POLICY, notificationChannels: [channel.name] });
    expect(policy).toMatchObject({
      ...POLICY,
      enabled: true,
      notificationChannels: [channel.name],
      conditions: [{ ...CONDITION, name: expect.stringContaining(`${policy.name}/conditions/`) as string }],
      mutationRecord: { mutatedBy: "owner@local.test" },
    });
  });

  test("needs a permission of Logging too if a condition is on a log entry", async () => {
    const member = "user:editor@example.com";
    const { body: policy } = await embedded.post(`/v1/projects/${PROJECT}:getIamPolicy`);
    const bindings = [...(policy.bindings as object[]), { role: "roles/monitoring.editor", members: [member] }];
    await embedded.post(`/v1/projects/${PROJECT}:setIamPolicy`, { policy: { ...policy, bindings } });
    const token = embedded.cloud.identities.tokenFor(member);
    const filter = 'metric.type="x"';
    const threshold = { displayName: "slow", conditionThreshold: { filter, comparison: "COMPARISON_GT" } };
    expect((await embedded.post(POLICIES, { ...POLICY, conditions: [threshold] }, { token })).status).toBe(200);
    const refused = await embedded.post(POLICIES, POLICY, { token });
    expect(refused.status).toBe(403);
    expect(message(refused)).toContain("logging.notificationRules.create");
    const { body } = await embedded.post(POLICIES, POLICY);
    const url = `/v3/${String(body.name)}`;
    expect(message(await embedded.patch(url, POLICY, { token }))).toContain("logging.notificationRules.update");
    expect(message(await embedded.delete(url, { token }))).toContain("logging.notificationRules.delete");
  });

  test("leaves zeros out of a dashboard, and keeps empty messages", async () => {
    const tiles = [{ xPos: 0, yPos: 4, width: 24, widget: { title: "", blank: {} } }];
    const dashboard = { displayName: "Zeros", mosaicLayout: { tiles } };
    const { body } = await embedded.post(`/v1/projects/${PROJECT}/dashboards`, dashboard);
    expect(body.mosaicLayout).toEqual({ tiles: [{ yPos: 4, width: 24, widget: { blank: {} } }] });
    await embedded.delete(`/v1/${String(body.name)}`);
  });

  test("changes the fields in the mask, or without one all settable fields", async () => {
    const policy = await made(POLICIES, { ...POLICY, userLabels: { team: "settlement" } });
    const masked = await embedded.patch(`${policy.url}?updateMask=display_name,alertStrategy`, {
      displayName: "Renamed",
      alertStrategy: { autoClose: "1800s" },
      severity: "ERROR",
    });
    expect(masked.body).toMatchObject({
      displayName: "Renamed",
      alertStrategy: { autoClose: "1800s" },
      userLabels: { team: "settlement" },
    });
    expect(masked.body).not.toHaveProperty("severity");
    const replaced = await embedded.patch(policy.url, POLICY);
    expect(replaced.body).toMatchObject({ ...POLICY, name: policy.name });
    expect(replaced.body).not.toHaveProperty("userLabels");
    expect((await embedded.get(policy.url)).body).toEqual(replaced.body);
  });

  test("keeps the names of existing conditions", async () => {
    const { url, conditions } = (await made(POLICIES, POLICY)) as unknown as { url: string; conditions: object[] };
    const { body } = await embedded.patch(`${url}?updateMask=conditions`, { conditions: [...conditions, CONDITION] });
    expect(body.conditions).toHaveLength(2);
    expect(body).toMatchObject({ conditions: [conditions[0], { name: expect.any(String) as string }] });
  });

  test("deletes a channel that a policy notifies only by force, and removes it from the policy", async () => {
    const channel = await made(CHANNELS, CHANNEL);
    const policy = await made(POLICIES, { ...POLICY, notificationChannels: [channel.name] });
    const refused = await embedded.delete(`${channel.url}?force=false`);
    expect(refused.status).toBe(400);
    expect(message(refused)).toBe(
      `Could not delete "${channel.name}" because it is still being referenced by: "${policy.name}"`,
    );
    expect(await embedded.delete(`${channel.url}?force=true`)).toMatchObject({ status: 200, body: {} });
    expect((await embedded.get(policy.url)).body).toMatchObject({ notificationChannels: [] });
    expect((await embedded.get(channel.url)).status).toBe(404);
  });

  test("gives an uptime check its default period", async () => {
    const check = { displayName: "health", timeout: "10s", httpCheck: { path: "/health" } };
    expect(await made(`${V3}/uptimeCheckConfigs`, check)).toMatchObject({ ...check, period: "60s" });
  });

  test("serves dashboards at v1, and refuses a change with an outdated etag", async () => {
    const dashboard = { displayName: "Settlement", gridLayout: { columns: "2" } };
    const { status, body } = await embedded.post(`/v1/projects/${PROJECT}/dashboards`, dashboard);
    expect([status, body]).toMatchObject([200, { ...dashboard, etag: expect.any(String) as string }]);
    const url = `/v1/${String(body.name)}`;
    const changed = await embedded.patch(url, { ...dashboard, displayName: "Renamed", etag: body.etag });
    expect(changed.body).toMatchObject({ displayName: "Renamed", name: body.name });
    const late = await embedded.patch(url, { ...dashboard, etag: body.etag });
    expect([late.status, message(late)]).toEqual([409, expect.stringContaining("has changed since you read it")]);
    expect((await embedded.get(`/v1/projects/${PROJECT}/dashboards`)).body).toEqual({ dashboards: [changed.body] });
  });

  test.each([
    ["a policy without conditions", POLICIES, { displayName: "x", combiner: "OR" }, 400, "Field conditions"],
    ["a channel without a type", CHANNELS, { displayName: "x" }, 400, "Field type"],
    ["an unknown field", CHANNELS, { ...CHANNEL, colour: "red" }, 400, 'Unknown name "colour"'],
    [
      "a channel that does not exist",
      POLICIES,
      { ...POLICY, notificationChannels: [`projects/${PROJECT}/notificationChannels/1`] },
      404,
      "Notification channel not found",
    ],
  ])("refuses %s", async (_what, collection, body, status, sentence) => {
    const answer = await embedded.post(collection, body);
    expect(answer.status).toBe(status);
    expect(message(answer)).toContain(sentence);
  });

  test("lists the existing resources of the project", async () => {
    const { body } = await embedded.get(POLICIES);
    for (const { name } of body.alertPolicies as { name: string }[]) await embedded.delete(`/v3/${name}`);
    expect((await embedded.get(POLICIES)).body).toEqual({});
    const { name } = await made(POLICIES, POLICY);
    expect((await embedded.get(POLICIES)).body).toMatchObject({ alertPolicies: [{ name }] });
    expect((await embedded.get(`/v3/projects/${OTHER_PROJECT}/alertPolicies`)).body).toEqual({});
  });

  describe("a time series of Cloud SQL", () => {
    const INSTANCE = "fusion-prime-db-a504713e";
    const OF = `resource.labels.database_id="${PROJECT}:${INSTANCE}"`;
    const SQL = "cloudsql.googleapis.com/database";
    const series = async (filter: string, end = Date.now(), project = PROJECT) => {
      const query = new URLSearchParams({
        filter,
        "interval.startTime": new Date(end - 3_600_000).toISOString(),
        "interval.endTime": new Date(end).toISOString(),
      });
      return embedded.get(`/v3/projects/${project}/timeSeries?${query.toString()}`);
    };
    const values = async (metric: string) => {
      const { body } = await series(`metric.type="${SQL}/${metric}" AND ${OF}`);
      const found = (body.timeSeries ?? []) as { points: { value: { doubleValue?: number; int64Value?: string } }[] }[];
      return found.map(({ points }) => points[0]?.value);
    };

    beforeAll(async () => {
      await embedded.post(`/v1/projects/${PROJECT}/services/sqladmin.googleapis.com:enable`);
      await createInstance(embedded, INSTANCE);
    });

    test("shows the disk utilization, and the connections to each database", async () => {
      const [disk] = await values("disk/utilization");
      expect(disk?.doubleValue).toBeGreaterThan(0);
      expect(disk?.doubleValue).toBeLessThan(0.1);
      const connections = await values("postgresql/num_backends");
      expect(connections.map((value) => Number(value?.int64Value)).sort()).toEqual([0, 0, 1]);
    });

    test("shows an overriding value until the override is removed", async () => {
      const end = embedded.cloud.gauges.pretend(`${SQL}/disk/utilization`, 0.97);
      expect(await values("disk/utilization")).toEqual([{ doubleValue: 0.97 }]);
      end();
      expect((await values("disk/utilization"))[0]?.doubleValue).toBeLessThan(0.1);
    });

    test("is empty for another time, another instance or a stopped one", async () => {
      const filter = `metric.type="${SQL}/disk/utilization"`;
      expect((await series(filter, Date.now() - 7_200_000)).body).toEqual({});
      expect((await series(`${filter} AND resource.labels.database_id="${PROJECT}:other"`)).body).toEqual({});
      expect((await series(filter, Date.now(), OTHER_PROJECT)).body).toEqual({});
      const stop = { settings: { activationPolicy: "NEVER" } };
      await done(embedded, await embedded.patch(`${SQL_ROOT}/instances/${INSTANCE}`, stop));
      expect((await series(filter)).body).toEqual({});
    });

    test("has a point even if a new minute begins between the request and the response", () => {
      const metric = { type: `${SQL}/disk/utilization` };
      const gauge = {
        metric,
        resource: { type: "cloudsql_database", labels: {} },
        valueType: "DOUBLE",
        value: 0.5,
      } as const;
      const interval = { "interval.startTime": "2026-11-26T11:00:59Z", "interval.endTime": "2026-11-26T12:00:59Z" };
      const query = { filter: `metric.type="${metric.type}"`, ...interval };
      expect(timeSeries([gauge], query, new Date("2026-11-26T12:01:01Z"))).toMatchObject({
        timeSeries: [{ points: [{ interval: { endTime: "2026-11-26T12:00:00.000Z" } }] }],
      });
    });

    test("requires a metric and a time", async () => {
      expect(message(await series(OF))).toContain("it must name one metric type");
      const bare = `/v3/projects/${PROJECT}/timeSeries?filter=${encodeURIComponent(`metric.type="${SQL}/x"`)}`;
      expect(message(await embedded.get(bare))).toContain("an end time must be given");
    });
  });
});
