import { setTimeout as delay } from "node:timers/promises";
import { DATABASE_URL } from "../../infra/names.ts";
import { interrupted } from "../terminal/interrupt.ts";
import { liveService, type ServicePlace, versionRead } from "../rollout/live.ts";
import { UserError } from "../terminal/user-error.ts";

/** Milliseconds between two questions while Cloud Run moves traffic. */
const PAUSE = 1_000;
/** For how many milliseconds Cloud Run is waited for. */
const PATIENCE = 10 * 60_000;

/**
 * Waits until no revision with traffic reads another version of the connection string than the newest.
 * @param version The newest version's number.
 * @param say Prints a line of progress.
 * @throws UserError where one does, and Cloud Run is not about to change that.
 */
export async function untilFormerIsUnused(
  place: ServicePlace,
  version: string,
  say: (line: string) => void,
): Promise<void> {
  const end = Date.now() + PATIENCE;
  for (let said = false; ; said = true) {
    const service = await liveService(place);
    const used = await formerRevisions(place, service?.serving ?? [], version);
    if (used.length === 0) return;
    if (!service?.reconciling || Date.now() > end) {
      throw new UserError(
        `${used.join(" and ")} still uses the former credential, so it stays valid. Give all traffic to the newest ` +
          `revision, with npm run up or: gcloud run services update-traffic ${place.service} --to-latest ` +
          `--region ${place.region} --project ${place.project}\nThen run this again. Until then both logins work.`,
      );
    }
    if (!said) say(`Waiting until Cloud Run has taken the traffic off ${used.join(" and ")} ...`);
    await delay(PAUSE, undefined, { signal: interrupted });
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
