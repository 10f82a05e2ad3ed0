import { Embedded, PROJECT } from "../embedded-google-cloud/embedded.ts";
import type { Fault } from "../../../packages/embedded-google-cloud/server/faults.ts";
import { readConfiguration } from "../../../packages/pulumi-google-stand-in/endpoints.ts";
import { Google } from "../../../packages/pulumi-google-stand-in/google.ts";

/** What the official provider repeats, see `error_retry_predicates.go` in hashicorp/terraform-provider-google. */

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
])("a call is made again after %s", async (name, fault) => {
  const { struck } = strike(fault);
  expect(await make(`after-${name}`)).toMatchObject({ name: expect.stringContaining(`after-${name}`) as string });
  expect(struck).toHaveLength(2);
});

test("a call is made again where no answer comes", async () => {
  const { struck } = embedded.cloud.faults.inject({ path: /secrets$/, times: 1 }, { kind: "silence" });
  await make("after-silence");
  expect(struck).toHaveLength(1);
});

test("not after a conflict, nor where nobody listens", async () => {
  const { struck } = strike({ kind: "stale" });
  await expect(make("conflict")).rejects.toThrow("409 ABORTED: There were concurrent changes.");
  expect(struck).toHaveLength(1);
  const nobody = new Google(readConfiguration({ secretManagerCustomEndpoint: "http://127.0.0.1:9009/v1/" }, {}));
  await expect(nobody.call("secretManager", "GET", SECRETS)).rejects.toThrow("http://127.0.0.1:9009 does not answer");
});

test("one that was done, and whose answer was lost, meets what it made", async () => {
  embedded.cloud.faults.clear();
  embedded.cloud.faults.inject({ path: /secrets$/, times: 1 }, { kind: "lost" });
  await expect(make("lost")).rejects.toThrow("409 ALREADY_EXISTS");
});
