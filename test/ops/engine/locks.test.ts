import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describeLocks, type Lock, locksOf } from "../../../ops/engine/locks.ts";

const LOCK: Lock = { username: "runner", hostname: "fv-az1", pid: 4121, timestamp: "2026-11-25T03:00:00.123456789Z" };

function stackAt(backend: string, cli = "pulumi"): Stack {
  const workspace = { envVars: { PULUMI_BACKEND_URL: backend }, pulumiCommand: { command: cli } };
  return { name: "prod", workspace } as unknown as Stack;
}

test("reads the locks of a stack in Cloud Storage with the user's token", async () => {
  const asked: string[] = [];
  const path = ".pulumi/locks/organization/settlement/prod/1.json";
  const server = createServer((request, response) => {
    asked.push(`${request.headers.authorization ?? ""} ${request.url ?? ""}`);
    const isList = request.url?.includes("?prefix=") === true;
    response.end(JSON.stringify(isList ? { items: [{ name: path }] } : LOCK));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  process.env.STORAGE_EMULATOR_HOST = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  process.env.GOOGLE_OAUTH_ACCESS_TOKEN = "token";
  try {
    expect(await locksOf(stackAt("gs://fusion-prime-pulumi-state"))).toEqual([LOCK]);
    expect(asked).toEqual([
      `Bearer token /storage/v1/b/fusion-prime-pulumi-state/o?prefix=${encodeURIComponent(".pulumi/locks/organization/settlement/prod/")}`,
      `Bearer token /storage/v1/b/fusion-prime-pulumi-state/o/${encodeURIComponent(path)}?alt=media`,
    ]);
  } finally {
    delete process.env.STORAGE_EMULATOR_HOST;
    delete process.env.GOOGLE_OAUTH_ACCESS_TOKEN;
    server.close();
  }
});

test("describes a lock with its owner, its age and the command that removes it", () => {
  const text = describeLocks(stackAt("gs://state"), [LOCK], new Date("2026-11-25T03:25:30Z"));
  expect(text).toContain("prod is locked by runner@fv-az1 (process 4121) for 25 minutes: ");
  expect(text).toMatch(/^ {2}PULUMI_BACKEND_URL=gs:\/\/state pulumi cancel --yes --stack prod$/m);
  const spaced = stackAt("file:///home/a b/state", "/home/a b/bin/pulumi");
  expect(describeLocks(spaced, [LOCK])).toMatch(
    /^ {2}PULUMI_BACKEND_URL='file:\/\/\/home\/a b\/state' '\/home\/a b\/bin\/pulumi' cancel --yes --stack prod$/m,
  );
});
