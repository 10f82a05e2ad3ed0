import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EmbeddedCloud, startCloud } from "../../../packages/embedded-google-cloud/index.ts";
import { endpointConfig } from "../../../ops/engine/endpoints.ts";
import { unreadableImages } from "../../../ops/preview/images.ts";
import type { Change, Preview } from "../../../ops/preview/model.ts";

const IMAGE = "us-central1-docker.pkg.dev/fusion-images/settlement/settlement-service:1";
let folder: string;
let cloud: EmbeddedCloud;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "images-"));
  const images = { [IMAGE]: { command: "true", args: [] } };
  cloud = await startCloud({ folder, projects: ["fusion-prime", "fusion-images"], images });
  await post("projects/fusion-images/services/artifactregistry.googleapis.com:enable", {});
});
afterAll(async () => {
  await cloud.stop();
  rmSync(folder, { recursive: true });
});

async function post(path: string, body: object): Promise<{ bindings?: object[] }> {
  const headers = { authorization: `Bearer ${cloud.identities.ownerToken}`, "content-type": "application/json" };
  const response = await fetch(`${cloud.url}/v1/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  expect(response.status).toBe(200);
  return (await response.json()) as { bindings?: object[] };
}

const containers = [{ image: IMAGE }];
const change = (name: string, type: string, template: object): Change => ({
  ...{ op: "create", urn: name, name, type, parent: "", id: "", kept: false, imported: false, forcedBy: [] },
  ...{ properties: [], before: {}, outputs: {}, after: { template } },
});
const preview = (project: string): Preview => ({
  changes: [
    change("settlement-service", "gcp:cloudrunv2/service:Service", { containers }),
    change("settlement-migration", "gcp:cloudrunv2/job:Job", { template: { containers } }),
    change("settlement-bucket", "gcp:storage/bucket:Bucket", { containers }),
  ],
  ...{ unchanged: 0, drift: [], findings: [], problems: [] },
  config: { "gcp:project": project, ...endpointConfig(cloud.url) },
});
const as = (member: string) => () => Promise.resolve(cloud.identities.tokenFor(member));
const owner = () => Promise.resolve(cloud.identities.ownerToken);

test("advises on each image of another project that Cloud Run's service agent cannot read, until it can", async () => {
  const found = await unreadableImages(preview("fusion-prime"), owner);
  expect(found.map(({ mandatory, resource }) => [mandatory, resource])).toEqual([
    [false, "settlement-service"],
    [false, "settlement-migration"],
  ]);
  const [, agent = ""] =
    /^(\S+) lacks roles\/artifactregistry.reader on the repository of /.exec(found[0]?.message ?? "") ?? [];
  expect(found[0]?.message).toContain(
    "gcloud artifacts repositories add-iam-policy-binding settlement --location=us-central1 --project=fusion-images " +
      `--role=roles/artifactregistry.reader --member="serviceAccount:${agent}"`,
  );
  await post("projects/fusion-prime/services/run.googleapis.com:generateServiceIdentity", {});
  const bindings = [{ role: "roles/artifactregistry.reader", members: [`serviceAccount:${agent}`] }];
  const repository = "projects/fusion-images/locations/us-central1/repositories/settlement";
  await post(`${repository}:setIamPolicy`, { policy: { bindings } });
  expect(await unreadableImages(preview("fusion-prime"), owner)).toEqual([]);
});

test("is silent about images of the same project, and where the caller may not read who may", async () => {
  expect(await unreadableImages(preview("fusion-images"), owner)).toEqual([]);
  expect(await unreadableImages(preview("fusion-prime"), as("user:stranger@example.com"))).toEqual([]);
});
