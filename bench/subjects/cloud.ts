import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startCloud } from "../../packages/embedded-google-cloud/index.ts";

// Serves the embedded cloud with a project of 20 secrets and a database instance. Prints its address and token as a line of
// JSON, and exits when stdin closes.
const PROJECT = "fusion-prime";
const APIS = ["secretmanager.googleapis.com", "sqladmin.googleapis.com"];

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "settlement-bench-cloud-"));
  const cloud = await startCloud({ folder, projects: [PROJECT] });
  const headers = { authorization: `Bearer ${cloud.identities.ownerToken}`, "content-type": "application/json" };
  const ask = async (path: string, body?: object) => {
    const init = body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers };
    const response = await fetch(cloud.url + path, init);
    if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
    return (await response.json()) as { name: string; status?: string };
  };
  await ask(`/v1/projects/${PROJECT}/services:batchEnable`, { serviceIds: APIS });
  for (let number = 0; number < 20; number++) {
    await ask(`/v1/projects/${PROJECT}/secrets?secretId=secret-${number}`, { replication: { automatic: {} } });
  }
  const sql = `/sql/v1beta4/projects/${PROJECT}`;
  const settings = { tier: "db-custom-1-3840", edition: "ENTERPRISE" };
  const instance = { name: "database", region: "us-central1", databaseVersion: "POSTGRES_17", settings };
  let operation = await ask(`${sql}/instances`, instance);
  while (operation.status !== "DONE") operation = await ask(`${sql}/operations/${operation.name}`);
  process.stdout.write(`${JSON.stringify({ url: cloud.url, token: cloud.identities.ownerToken })}\n`);
  process.stdin.resume().once("end", () => {
    void cloud.stop().then(() => {
      rmSync(folder, { recursive: true });
    });
  });
}

void main();
