import { Embedded, PROJECT } from "../embedded-google-cloud/embedded.ts";
import type { Fault } from "../../../packages/embedded-google-cloud/server/faults.ts";
import { readConfiguration } from "../../../packages/pulumi-google-stand-in/endpoints.ts";
import { Google } from "../../../packages/pulumi-google-stand-in/google.ts";

/** As the official provider retries: `error_retry_predicates.go` in hashicorp/terraform-provider-google. */

const embedded = new Embedded();
let google: Google;

beforeAll(async () => {
  await embedded.start("secretmanager.googleapis.com");
  const { identities, url } = embedded.cloud;
  const args = { secretManagerCustomEndpoint: `${url}/v1/`, accessToken: identities.ownerToken, requestTimeout: "1s" };
  google = new Google(readConfiguration(args, {}));
});
afterAll(() => embedded.remove());

const SECRETS = `projects/${PROJECT}/secrets`;
const make = (secretId: string) =>
  google.call("secretManager", "POST", SECRETS, { query: { secretId }, body: { replication: { automatic: {} } } });
const strike = (fault: Fault) => embedded.cloud.faults.inject({ path: /secrets$/, times: 2 }, fault);

test.each<[string, Fault]>([
  ["429", { kind: "error", status: 429 }],
  ["500", { kind: "error", status: 500 }],
  ["503", { kind: "error", status: 503 }],
  ["reset", { kind: "reset" }],
])("retries a call after %s", async (name, fault) => {
  const { struck } = strike(fault);
  expect(await make(`after-${name}`)).toMatchObject({ name: expect.stringContaining(`after-${name}`) as string });
  expect(struck).toHaveLength(2);
});

test("retries a call that gets no response", async () => {
  const { struck } = embedded.cloud.faults.inject({ path: /secrets$/, times: 1 }, { kind: "silence" });
  await make("after-silence");
  expect(struck).toHaveLength(1);
});

test("does not retry after a conflict or a refused connection", async () => {
  const { struck } = strike({ kind: "stale" });
  await expect(make("conflict")).rejects.toThrow("409 ABORTED: There were concurrent changes.");
  expect(struck).toHaveLength(1);
  const refusing = new Google(readConfiguration({ secretManagerCustomEndpoint: "http://127.0.0.1:9009/v1/" }, {}));
  await expect(refusing.call("secretManager", "GET", SECRETS)).rejects.toThrow("http://127.0.0.1:9009 does not answer");
});

test("retrying a creation whose response was lost finds that the resource exists", async () => {
  embedded.cloud.faults.clear();
  embedded.cloud.faults.inject({ path: /secrets$/, times: 1 }, { kind: "lost" });
  await expect(make("lost")).rejects.toThrow("409 ALREADY_EXISTS");
});
