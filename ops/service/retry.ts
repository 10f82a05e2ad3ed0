import type { Google } from "../../infra/google.ts";
import { SERVICE } from "../../infra/names.ts";

/**
 * Lets Cloud Run start the newest revision again if that failed. An update does not: nothing in the stack has changed if only
 * the program on this machine has.
 * @throws OperationError if it fails again.
 */
export async function retryRollout(google: Google, project: string, region: string): Promise<void> {
  const api = "cloudRunV2";
  const path = `projects/${project}/locations/${region}/services/${SERVICE}`;
  const { terminalCondition, traffic } = await google.call<gapi.client.run.GoogleCloudRunV2Service>({ api, path });
  if (terminalCondition?.state !== "CONDITION_FAILED") return;
  await google.operate({ api, method: "PATCH", path: `${path}?updateMask=traffic`, body: { traffic } });
}
