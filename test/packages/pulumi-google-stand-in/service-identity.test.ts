import { enable, Engine, PROJECT, startTestCloud, type TestCloud } from "./engine.ts";

describe("gcp:projects/serviceIdentity:ServiceIdentity", () => {
  const type = "gcp:projects/serviceIdentity:ServiceIdentity";
  const program = { service: "monitoring.googleapis.com" };
  let cloud: TestCloud;
  let engine: Engine;

  beforeAll(async () => {
    cloud = await startTestCloud();
    engine = new Engine(cloud.google);
    await enable(cloud, "monitoring.googleapis.com");
  });
  afterAll(() => cloud.stop());

  test("returns the service agent, and survives a refresh and a deletion, because Google neither lists nor deletes service agents", async () => {
    const resource = await engine.create(type, program);
    expect(resource.id).toBe(`projects/${PROJECT}/services/monitoring.googleapis.com`);
    expect(resource.outputs.email).toMatch(/^service-\d+@gcp-sa-monitoring-notification\.iam\.gserviceaccount\.com$/);
    expect(resource.outputs.member).toBe(`serviceAccount:${String(resource.outputs.email)}`);
    expect(engine.changes(resource, program)).toEqual([]);
    expect(await engine.refresh(resource)).toEqual(resource);
    await engine.delete(resource);
    expect((await engine.create(type, program)).outputs).toEqual(resource.outputs);
  });
});
