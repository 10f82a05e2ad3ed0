import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endpointEnv } from "../../../ops/engine/endpoints.ts";
import { ROOT } from "../../../ops/engine/stack-file.ts";
import { writeToolSettings } from "../../../ops/engine/tools.ts";
import { type EmbeddedCloud, startCloud } from "../../../packages/embedded-google-cloud/index.ts";
import { shell } from "../../e2e/shell.ts";
import { inLongForm } from "../../long-form.ts";

jest.setTimeout(300_000);

const IMAGE = "us-central1-docker.pkg.dev/fusion-prime/settlement/settlement-service";
const COMMAND = ["ops/bootstrap.ts", "--stack", "staging", "--repository", "acme/settlement"];

let folder: string;
let cloud: EmbeddedCloud;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "bootstrap-"));
  const images = { [IMAGE]: { command: "true", args: [] } };
  cloud = await startCloud({ folder, projects: ["fusion-prime", "fusion-prime-staging"], images });
});

afterAll(async () => {
  await cloud.stop();
  rmSync(folder, { recursive: true, force: true });
});

const gcloud = spawnSync("sh", ["-c", "command -v gcloud"]).status === 0 ? inLongForm : test.skip;

gcloud("the commands that --dry-run prints, run with gcloud, leave nothing to do", async () => {
  const token = join(folder, "token");
  writeFileSync(token, cloud.identities.ownerToken, { mode: 0o600 });
  const place = { project: "fusion-prime-staging", region: "us-central1", socket: undefined, database: "settlement" };
  const settings = writeToolSettings({ url: cloud.url, folder, token, ...place });
  const printed = execFileSync(process.execPath, [...COMMAND, "--dry-run"], { cwd: ROOT, encoding: "utf8" });
  const script = join(folder, "bootstrap.sh");
  writeFileSync(script, printed);

  // Somebody has pushed the image.
  const images = "gcloud services enable artifactregistry.googleapis.com --project=fusion-prime";
  const { code, output } = await shell(`. ${settings}; ${images}; . ${script}`, { cwd: folder });
  expect({ code, output: code === 0 ? "" : output.slice(-2_000) }).toEqual({ code: 0, output: "" });

  const { HOME, PATH } = process.env;
  const env = { HOME, PATH, GOOGLE_OAUTH_ACCESS_TOKEN: cloud.identities.ownerToken, ...endpointEnv(cloud.url) };
  const after = await shell(`${process.execPath} ${COMMAND.join(" ")} --yes`, { cwd: ROOT, env });
  expect(after).toEqual({ code: 0, output: expect.stringContaining("Everything exists: nothing to do.") as string });
});
