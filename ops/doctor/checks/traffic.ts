import { CANDIDATE } from "../../../infra/service.ts";
import { lastPart } from "../../../infra/google.ts";
import { command } from "../../terminal/command.ts";
import { type Check, finding, ok } from "../check.ts";
import type { Facts } from "../facts.ts";

/** With any other setting, Cloud Run answers clients on the internet with 404, as it does without the default URL. */
const INGRESS = "INGRESS_TRAFFIC_ALL";

export const ingress: Check = {
  id: "ingress",
  title: "Ingress",
  causes: ["apis", "service"],
  look: async (facts) => {
    const { defaultUriDisabled = false, ingress: live = INGRESS } = await facts.existingService();
    const open = live === INGRESS ? [] : ["--ingress=all"];
    const named = defaultUriDisabled ? ["--default-url"] : [];
    if (open.length + named.length === 0) return ok("from the internet, at the default URL");
    const found = [
      ...open.map(() => `requests from the internet are refused (${live})`),
      ...named.map(() => "the default URL is disabled"),
    ];
    // The option for the default URL is not in every release of gcloud yet.
    return finding(found.join("; "), update(facts, defaultUriDisabled ? ["beta"] : [], ...open, ...named));
  },
};

export const scaling: Check = {
  id: "scaling",
  title: "Scaling",
  causes: ["apis", "service"],
  look: async (facts) => {
    const { scaling: live, template } = await facts.existingService();
    const { maxInstanceCount: most, minInstanceCount: least = 0 } = template.scaling ?? {};
    if (live?.scalingMode !== "MANUAL") return ok(`automatic, ${least} to ${most ?? "100"} instances`);
    const count = live.manualInstanceCount ?? 0;
    const found =
      count === 0
        ? "no instance runs: the service was scaled to zero manually, and answers 503"
        : `fixed manually at ${count} instance${count === 1 ? "" : "s"}, whatever the load`;
    return finding(found, update(facts, ["beta"], "--scaling=auto"));
  },
};

export const traffic: Check = {
  id: "traffic",
  title: "Traffic",
  causes: ["apis", "service", "revision"],
  look: async (facts) => {
    const { latestReadyRevision, traffic: targets = [] } = await facts.existingService();
    const newest = lastPart(latestReadyRevision ?? "none");
    const pinned = targets.filter(({ percent = 0, revision }) => percent > 0 && revision !== undefined);
    if (pinned.length === 0) return ok(`all to the newest ready revision, ${newest}`);
    const shares = pinned.map(({ percent = 0, revision = "" }) => `${percent} % to ${lastPart(revision)}`).join(", ");
    const left = pinned.every(({ revision }) => lastPart(revision ?? "") !== newest)
      ? `${newest}, the newest ready revision, does not get it`
      : "the next revision will not get it";
    const { region, service, stack } = facts.target;
    if (stack !== undefined && targets.some(({ tag, revision }) => tag === CANDIDATE && revision === undefined)) {
      return finding(
        `pinned: ${shares}; ${left}: its rollout was stopped, or is running`,
        command("npm", "run", "up", "--", `--stack=${stack}`),
      );
    }
    return finding(
      `pinned: ${shares}; ${left}`,
      facts.gcloud("run", "services", "update-traffic", service, `--region=${region}`, "--to-latest"),
    );
  },
};

/** @param track A release track of gcloud, if not the general one. */
function update(facts: Facts, track: readonly string[], ...options: string[]): string {
  const { region, service } = facts.target;
  return facts.gcloud(...track, "run", "services", "update", service, `--region=${region}`, ...options);
}
