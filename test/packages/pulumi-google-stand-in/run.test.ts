import { Engine, PROJECT } from "./engine.ts";
import { FakeGoogle } from "./fake-google.ts";

const SERVICE = "gcp:cloudrunv2/service:Service";
const JOB = "gcp:cloudrunv2/job:Job";
const SERVICES = `/v2/projects/${PROJECT}/locations/us-central1/services`;
const NAME = `projects/${PROJECT}/locations/us-central1/services/settlement-service`;

const service = (version: string, rest: object = {}) => ({
  name: "settlement-service",
  location: "us-central1",
  deletionProtection: false,
  template: {
    serviceAccount: "settlement-service@fusion-prime.iam.gserviceaccount.com",
    scaling: { minInstanceCount: 0, maxInstanceCount: 3 },
    volumes: [{ name: "cloudsql", cloudSqlInstance: { instances: ["p:us-central1:i"] } }],
    containers: [
      {
        image: "us-docker.pkg.dev/cloudrun/container/hello",
        ports: { containerPort: 8080 },
        resources: { limits: { cpu: "1", memory: "512Mi" } },
        envs: [{ name: "DATABASE_URL", valueSource: { secretKeyRef: { secret: "db", version } } }],
        volumeMounts: [{ name: "cloudsql", mountPath: "/cloudsql" }],
        startupProbe: { httpGet: { path: "/health" }, periodSeconds: 3 },
      },
    ],
  },
  ...rest,
});

const inRest = (version: string) => ({
  template: {
    serviceAccount: "settlement-service@fusion-prime.iam.gserviceaccount.com",
    scaling: { minInstanceCount: 0, maxInstanceCount: 3 },
    volumes: [{ name: "cloudsql", cloudSqlInstance: { instances: ["p:us-central1:i"] } }],
    containers: [
      {
        image: "us-docker.pkg.dev/cloudrun/container/hello",
        ports: [{ containerPort: 8080 }],
        resources: { limits: { cpu: "1", memory: "512Mi" } },
        env: [{ name: "DATABASE_URL", valueSource: { secretKeyRef: { secret: "db", version } } }],
        volumeMounts: [{ name: "cloudsql", mountPath: "/cloudsql" }],
        startupProbe: { httpGet: { path: "/health" }, periodSeconds: 3 },
      },
    ],
  },
});

let fake: FakeGoogle;
let engine: Engine;

beforeEach(async () => {
  fake = new FakeGoogle();
  engine = new Engine(await fake.start());
});
afterEach(() => fake.stop());

test("a service is created, updated whole, imported and deleted", async () => {
  const made = await engine.create(SERVICE, service("1"));
  expect(made.id).toBe(NAME);
  expect(made.outputs).toMatchObject({ uri: "https://it.run.app", terminalConditions: [{ type: "Ready" }] });
  expect(engine.changes(made, service("1"))).toEqual([]);
  expect(await engine.refresh(made)).toEqual(made);
  expect(engine.changes(await engine.import(SERVICE, NAME), service("1"))).toEqual(["deletionProtection"]);

  expect(engine.changes(made, service("2"))).toEqual(["template.containers[0].envs"]);
  const changed = await engine.update(made, service("2"));
  expect(engine.changes(changed, service("2"))).toEqual([]);
  await engine.delete(changed);
  expect(await engine.refresh(changed)).toBeUndefined();

  expect(fake.writes()).toEqual([
    { method: "POST", path: SERVICES, query: { serviceId: "settlement-service" }, body: inRest("1") },
    { method: "PATCH", path: `${SERVICES}/settlement-service`, query: {}, body: inRest("2") },
    { method: "DELETE", path: `${SERVICES}/settlement-service`, query: {}, body: undefined },
  ]);
});

test("an update sends back the labels of other clients, and removes its own", async () => {
  const made = await engine.create(SERVICE, service("1", { labels: { app: "a", team: "t" } }));
  const live = fake.resources.get(`${SERVICES}/settlement-service`) ?? {};
  fake.resources.set(`${SERVICES}/settlement-service`, { ...live, labels: { app: "a", team: "t", other: "o" } });
  const seen = await engine.refresh(made);
  if (!seen) throw new Error("the service is gone");
  await engine.update(seen, service("1", { labels: { app: "b" } }));
  expect(fake.writes().at(-1)).toMatchObject({ method: "PATCH", body: { labels: { app: "b", other: "o" } } });
  expect(fake.resources.get(`${SERVICES}/settlement-service`)?.labels).toEqual({ app: "b", other: "o" });
});

test("a new location replaces a service; with the same name, the old service is deleted first", async () => {
  const made = await engine.create(SERVICE, service("1"));
  expect(engine.changes(made, service("1", { location: "europe-west1" }))).toEqual(["location!"]);
  expect(engine.diff(made, service("1", { location: "europe-west1" })).deleteBeforeReplace).toBe(true);
  expect(engine.diff(made, service("1", { name: "other" })).deleteBeforeReplace).toBe(false);
});

test("what gcloud sets besides is removed, as in the official provider, unless the program ignores it", async () => {
  const made = await engine.create(SERVICE, service("1"));
  const path = `${SERVICES}/settlement-service`;
  const live = fake.resources.get(path) ?? {};
  const byGcloud = { client: "gcloud", clientVersion: "548.0.0", labels: { team: "a" }, annotations: { note: "b" } };
  const labels = { "client.knative.dev/nonce": "abc" };
  fake.resources.set(path, { ...live, ...byGcloud, template: { ...(live.template as object), labels } });
  const paths = ["client", "clientVersion", "template.labels"];
  const own = "deletionProtection";
  const changed = (await engine.refresh(made)) ?? made;
  expect(engine.changes(changed, service("1"))).toEqual(paths);
  expect(engine.changes(changed, service("1"), paths)).toEqual([]);
  const imported = await engine.import(SERVICE, NAME);
  expect(engine.changes(imported, service("1"), [...paths, own])).toEqual([]);
  expect(engine.changes(imported, service("1")).sort()).toEqual([...paths, own].sort());
  fake.writes();
  await engine.update(changed, service("2"), false, paths);
  expect(fake.writes()).toMatchObject([{ body: { client: "gcloud", clientVersion: "548.0.0", template: { labels } } }]);
});

test("a service whose revision does not start stays in the state, so that the next update can fix it", async () => {
  fake.failure = "Revision 'settlement-service-00001' is not ready and cannot serve traffic.";
  await expect(engine.create(SERVICE, service("1"))).rejects.toMatchObject({
    name: "InitError",
    id: NAME,
    reason: "Revision 'settlement-service-00001' is not ready and cannot serve traffic.",
    outputs: { name: "settlement-service", deletionProtection: false },
  });
});

test("a revision that does not start fails the update, and the state is up to date", async () => {
  const made = await engine.create(SERVICE, service("1"));
  fake.failure = "Revision 'settlement-service-00002' is not ready and cannot serve traffic.";
  await expect(engine.update(made, service("2"))).rejects.toMatchObject({
    id: NAME,
    reason: "Revision 'settlement-service-00002' is not ready and cannot serve traffic.",
  });
});

test("a job has its containers in a nested template", async () => {
  const program = {
    name: "settlement-migration",
    location: "us-central1",
    deletionProtection: false,
    template: { template: { maxRetries: 0, containers: [{ image: "gcr.io/fusion-prime/settlement-migration" }] } },
  };
  const made = await engine.create(JOB, program);
  expect(made.id).toBe(`projects/${PROJECT}/locations/us-central1/jobs/settlement-migration`);
  expect(engine.changes(made, program)).toEqual([]);
  expect(engine.changes(made, { ...program, location: "europe-west1" })).toEqual(["location!"]);
  await engine.delete(made);
  const jobs = `/v2/projects/${PROJECT}/locations/us-central1/jobs`;
  expect(fake.writes()).toEqual([
    { method: "POST", path: jobs, query: { jobId: "settlement-migration" }, body: { template: program.template } },
    { method: "DELETE", path: `${jobs}/settlement-migration`, query: {}, body: undefined },
  ]);
});
