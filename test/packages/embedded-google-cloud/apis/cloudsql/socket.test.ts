import { existsSync } from "node:fs";
import { join } from "node:path";
import { Embedded, PROJECT } from "../../embedded.ts";
import { createInstance, ROOT, SERVICE, Volume } from "./setup.ts";

const embedded = new Embedded();
const NAME = `${PROJECT}:us-central1:db-one`;
const MEMBER = "serviceAccount:settlement-service@elsewhere.iam.gserviceaccount.com";
const volumes: Volume[] = [];

beforeAll(async () => {
  await embedded.start(SERVICE, "cloudresourcemanager.googleapis.com");
  await createInstance(embedded, "db-one");
  await embedded.post(`${ROOT}/instances/db-one/users`, { name: "postgres", password: "pw" });
});
afterAll(async () => {
  for (const volume of volumes) await volume.close();
  await embedded.remove();
});

async function open(connectionName: string, member?: string): Promise<Volume> {
  const volume = new Volume();
  volumes.push(volume);
  await volume.open(embedded, connectionName, member);
  return volume;
}

const ask = (volume: Volume) => volume.query("postgres", "pw", "postgres", "SELECT 1 AS one");

/** Lets the member connect to the instances in the condition, and keeps the other bindings. */
async function bind(condition?: string): Promise<void> {
  const path = `/v1/projects/${PROJECT}`;
  const policy = (await embedded.post(`${path}:getIamPolicy`, { options: { requestedPolicyVersion: 3 } })).body;
  const bindings = (policy.bindings as { role: string }[]).filter(({ role }) => role !== "roles/cloudsql.client");
  const client = {
    role: "roles/cloudsql.client",
    members: [MEMBER],
    ...(condition !== undefined && { condition: { title: "this instance", expression: condition } }),
  };
  const answer = await embedded.post(`${path}:setIamPolicy`, {
    policy: { ...policy, version: 3, bindings: [...bindings, client] },
  });
  expect(answer.status).toBe(200);
}

test("closes a connection without the permission, and reports why", async () => {
  const volume = await open(NAME, MEMBER);
  await expect(ask(volume)).rejects.toThrow();
  expect(volume.refusals.join()).toContain("Possibly missing permission cloudsql.instances.connect");
  await bind();
  expect(await ask(volume)).toEqual([{ one: 1 }]);
});

test("respects a condition on the instance's name", async () => {
  const volume = await open(NAME, MEMBER);
  const names = (instance: string) =>
    `resource.name == "projects/${PROJECT}/instances/${instance}" && resource.service == "sqladmin.googleapis.com"`;
  await bind(names("db-other"));
  await expect(ask(volume)).rejects.toThrow();
  await bind(names("db-one"));
  expect(await ask(volume)).toEqual([{ one: 1 }]);
});

test.each([
  [`${PROJECT}:us-central1-a:db-one`, "zone"],
  [`${PROJECT}:europe-west1:db-one`, "region"],
  [`${PROJECT}:us-central1:db-none`, "instanceDoesNotExist"],
  ["db-one", "form PROJECT:REGION:INSTANCE"],
])("refuses connections to %s", async (name, sentence) => {
  const volume = await open(name);
  await expect(ask(volume)).rejects.toThrow();
  expect(volume.refusals.join()).toContain(sentence);
});

test("closes its connections and removes its socket with the volume", async () => {
  const volume = await open(NAME);
  const client = await volume.connect("postgres", "pw", "postgres");
  const ended = new Promise((resolve) => client.once("end", resolve));
  await volume.close();
  await ended;
  volumes.splice(volumes.indexOf(volume), 1);
  expect(existsSync(join(volume.folder, ".s.PGSQL.5432"))).toBe(false);
});

test("refuses a folder whose path is too long for a Unix socket", async () => {
  const folder = "/tmp/".padEnd(120, "x");
  const request = { connectionName: NAME, member: MEMBER, folder, onRefused: () => undefined };
  await expect(embedded.cloud.openSocket(request)).rejects.toThrow("too long for a Unix socket");
});
