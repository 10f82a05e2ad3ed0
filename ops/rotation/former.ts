import { setTimeout as delay } from "node:timers/promises";
import { DATABASE_URL } from "../../infra/names.ts";
import { interrupted } from "../terminal/interrupt.ts";
import { liveService, type ServicePlace, versionRead } from "../service/live.ts";
import { UserError } from "../terminal/user-error.ts";

/** How long Cloud Run may take to move traffic, and the polling interval, in milliseconds. */
const MOVING = { longest: 10 * 60_000, pause: 1_000 };

/**
 * Waits until every revision with traffic reads the newest version of the connection string.
 * @param version The newest version's number.
 * @param say Prints a line of progress.
 * @throws UserError if one does not, and Cloud Run is not moving its traffic.
 */
export async function untilFormerIsUnused(
  place: ServicePlace,
  version: string,
  say: (line: string) => void,
): Promise<void> {
  const end = Date.now() + MOVING.longest;
  for (let said = false; ; said = true) {
    const service = await liveService(place);
    const used = await formerRevisions(place, service?.serving ?? [], version);
    if (used.length === 0) return;
    if (!service?.reconciling || Date.now() > end) {
      throw new UserError(
        `${used.join(" and ")} still uses the former credential, so it stays valid. Move all traffic to the newest ` +
          `revision, with npm run up or: gcloud run services update-traffic ${place.service} --to-latest ` +
          `--region ${place.region} --project ${place.project}\nThen run this again. Both logins work until then.`,
      );
    }
    if (!said) say(`Waiting for Cloud Run to move traffic off ${used.join(" and ")} ...`);
    await delay(MOVING.pause, undefined, { signal: interrupted });
  }
}

async function formerRevisions(
  place: ServicePlace,
  serving: readonly { readonly revision: string; readonly percent: number }[],
  version: string,
): Promise<string[]> {
  const used: string[] = [];
  for (const { percent, revision } of serving) {
    const read = await versionRead(place, revision, DATABASE_URL);
    if (read !== version) used.push(`${revision}, with ${percent}% of the traffic,`);
  }
  return used;
}
