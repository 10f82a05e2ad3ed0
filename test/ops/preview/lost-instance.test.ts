import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { INSTANCE } from "../../../ops/engine/lost-instance.ts";
import { endpointConfig } from "../../../ops/engine/endpoints.ts";
import { inspect } from "../../../ops/preview/inspect.ts";
import { Embedded, PROJECT } from "../../packages/embedded-google-cloud/embedded.ts";

/** test/e2e/fixes.test.ts does the same with the engine, in the long form. */
test("a preview does not call a stack well whose instance was deleted, and says how to create another", async () => {
  const embedded = new Embedded();
  try {
    await embedded.start("cloudresourcemanager.googleapis.com", "sqladmin.googleapis.com");
    const config = { "gcp:project": PROJECT, ...endpointConfig(embedded.cloud.url) };
    const stack = {
      name: "prod",
      workspace: {
        envVars: { GOOGLE_OAUTH_ACCESS_TOKEN: embedded.cloud.identities.ownerToken },
        stackSettings: () => Promise.resolve({ config }),
      },
      preview: () => Promise.resolve({}), // the engine finds nothing to do
    } as unknown as Stack;
    const urn = "urn:pulumi:prod::settlement::gcp:sql/databaseInstance:DatabaseInstance::settlement-instance";
    const deployment = { resources: [{ urn, type: INSTANCE, inputs: {}, outputs: { name: "db-1" } }] };
    const { blocked, markdown } = await inspect(stack, { deployment, refresh: true });
    expect(blocked).toBe(true);
    expect(markdown).toContain("prod is blocked by 1 error");
    expect(markdown).toContain("Instance db-1 does not exist any more");
    expect(markdown).toContain("npm run up -- --stack prod --new-instance");
    expect(markdown).not.toContain("✅");
  } finally {
    await embedded.remove();
  }
});
