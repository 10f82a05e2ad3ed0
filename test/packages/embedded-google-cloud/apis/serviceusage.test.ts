import { Embedded, message, PROJECT } from "../embedded.ts";

const SERVICES = `/v1/projects/${PROJECT}/services`;

describe("Service Usage", () => {
  const embedded = new Embedded();
  let parent: string;

  beforeAll(async () => {
    await embedded.start();
    parent = `projects/${String((await embedded.get(`/v1/projects/${PROJECT}`)).body.projectNumber)}`;
  });
  afterAll(() => embedded.remove());

  const listed = async () => {
    const { body } = await embedded.get(`${SERVICES}?filter=state:ENABLED&pageSize=200&fields=services/name`);
    return (body.services as { name: string }[]).map(({ name }) => name.replace(`${parent}/services/`, ""));
  };

  test("enables in a new project only what is needed to enable more", async () => {
    expect(await listed()).toEqual(["cloudresourcemanager.googleapis.com", "serviceusage.googleapis.com"]);
  });

  test("enables and disables an API", async () => {
    const name = `${parent}/services/sqladmin.googleapis.com`;
    const one = `${SERVICES}/sqladmin.googleapis.com`;
    expect((await embedded.get(one)).body).toMatchObject({ name, state: "DISABLED" });
    expect((await embedded.post(`${one}:enable`)).body).toMatchObject({
      done: true,
      response: {
        "@type": "type.googleapis.com/google.api.serviceusage.v1.EnableServiceResponse",
        service: { name, parent, state: "ENABLED" },
      },
    });
    expect((await embedded.get(one)).body).toMatchObject({ name, parent, state: "ENABLED" });
    expect(await listed()).toContain("sqladmin.googleapis.com");
    expect((await embedded.post(`${one}:disable`)).body).toMatchObject({
      done: true,
      response: { service: { name, state: "DISABLED" } },
    });
    expect(await listed()).not.toContain("sqladmin.googleapis.com");
  });

  test("enables several APIs at once, which then answer", async () => {
    const secrets = `/v1/projects/${PROJECT}/secrets`;
    expect(message(await embedded.get(secrets))).toMatch(/it is disabled\. Enable it by visiting/);
    const serviceIds = ["secretmanager.googleapis.com", "run.googleapis.com"];
    expect((await embedded.post(`${SERVICES}:batchEnable`, { serviceIds })).body).toMatchObject({
      done: true,
      response: { services: [{ state: "ENABLED" }, { state: "ENABLED" }] },
    });
    expect((await embedded.get(secrets)).status).toBe(200);
  });

  test("creates an API's service agent, and refuses an unknown one", async () => {
    const { body } = await embedded.post(`${SERVICES}/monitoring.googleapis.com:generateServiceIdentity`, {});
    const number = parent.replace("projects/", "");
    expect(body).toMatchObject({
      done: true,
      response: { email: `service-${number}@gcp-sa-monitoring-notification.iam.gserviceaccount.com` },
    });
    const refused = await embedded.post(`${SERVICES}/logging.googleapis.com:generateServiceIdentity`, {});
    expect([refused.status, message(refused)]).toEqual([400, expect.stringContaining("logging.googleapis.com")]);
  });

  test.each([
    ["no service", []],
    ["more than twenty", Array.from({ length: 21 }, (_, index) => `a${index}.googleapis.com`)],
  ])("refuses to enable %s at once", async (_what, serviceIds) => {
    expect((await embedded.post(`${SERVICES}:batchEnable`, { serviceIds })).status).toBe(400);
  });

  test("refuses a name that is not a Google API", async () => {
    const answer = await embedded.post(`${SERVICES}/example.com:enable`);
    expect(answer.status).toBe(403);
    expect(message(answer)).toBe("Not found or permission denied for service(s): example.com.");
  });

  test("lists page by page", async () => {
    const first = await embedded.get(`${SERVICES}?pageSize=1`);
    const second = await embedded.get(`${SERVICES}?pageSize=100&pageToken=${String(first.body.nextPageToken)}`);
    expect(first.body.services).toHaveLength(1);
    expect(second.body).not.toHaveProperty("nextPageToken");
    expect(second.body.services).not.toContainEqual((first.body.services as unknown[])[0]);
  });
});
