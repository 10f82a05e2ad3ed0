import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { endpointEnv } from "../../ops/engine/endpoints.ts";
import { ROOT } from "../../ops/engine/stack-file.ts";
import { type EmbeddedCloud, startCloud } from "../../packages/embedded-google-cloud/index.ts";
import { ask } from "../ask.ts";
import { inLongForm } from "../long-form.ts";
import { copyProject } from "./copy.ts";
import { shell } from "./shell.ts";

jest.setTimeout(1_200_000);

const PROJECT = "fusion-prime-staging";
const IMAGES = "fusion-prime";
const DEPLOYER = `serviceAccount:settlement-deployer@${PROJECT}.iam.gserviceaccount.com`;
/** How long each enabled API and each binding takes to act, in milliseconds. */
const MINUTE = 60_000;

describe("the first day of staging, whose image is in another project, when APIs and bindings act after a minute", () => {
  let copy: string;
  let cloud: EmbeddedCloud;
  const run = (line: string, token: string) => {
    const { HOME, PATH, PULUMI_HOME, SETTLEMENT_PROVIDERS } = process.env;
    const state = {
      PULUMI_BACKEND_URL: `file://${join(copy, ".local", "states")}`,
      // Cloud KMS cannot be redirected.
      PULUMI_CONFIG_PASSPHRASE: "passphrase",
    };
    const own = { HOME, PATH, PULUMI_HOME, SETTLEMENT_PROVIDERS, CI: "true", ...state };
    const env = { ...own, ...endpointEnv(cloud.url), GOOGLE_OAUTH_ACCESS_TOKEN: token };
    return shell(line, { cwd: copy, env });
  };

  inLongForm("bootstrap, the first update and the smoke test succeed in one run each", async () => {
    copy = copyProject("first-day");
    mkdirSync(join(copy, ".local", "states"), { recursive: true });
    const service = { command: process.execPath, args: [join(ROOT, "packages", "settlement-service", "server.js")] };
    cloud = await startCloud({
      folder: join(copy, ".local", "cloud"),
      projects: [PROJECT, IMAGES],
      images: { [`us-central1-docker.pkg.dev/${IMAGES}/settlement/settlement-service`]: service },
    });
    try {
      const registry = `/v1/projects/${IMAGES}/services/artifactregistry.googleapis.com:enable`;
      await ask(cloud, "POST", registry);
      cloud.faults.delay({ services: MINUTE, bindings: MINUTE });
      const bootstrap = await run(
        "npm run bootstrap -- --stack staging --repository acme/settlement --yes",
        cloud.identities.ownerToken,
      );
      expect([bootstrap.code, bootstrap.code === 0 ? "" : bootstrap.output]).toEqual([0, ""]);

      // A pipeline that runs before its own roles act is refused, as on Google.
      const deployer = cloud.identities.tokenFor(DEPLOYER);
      const may = async () => {
        const response = await fetch(`${cloud.url}/v1/projects/${PROJECT}:testIamPermissions`, {
          method: "POST",
          headers: { authorization: `Bearer ${deployer}`, "content-type": "application/json" },
          body: JSON.stringify({ permissions: ["run.services.create"] }),
        });
        return ((await response.json()) as { permissions?: string[] }).permissions !== undefined;
      };
      while (!(await may())) await delay(1_000);

      const update = await run("npm run up -- --stack staging --yes", deployer);
      expect([update.code, update.code === 0 ? "" : update.output]).toEqual([0, ""]);
      const smoke = await run("npm run smoke-test -- --stack staging", deployer);
      expect(smoke).toMatchObject({
        code: 0,
        output: expect.stringContaining("settlement-service accepts settlement commands: ") as string,
      });
    } finally {
      await cloud.stop();
      rmSync(copy, { recursive: true, force: true });
    }
  });
});
