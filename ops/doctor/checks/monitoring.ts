import { lastPart } from "../../../infra/google.ts";
import { type Check, finding, ok } from "../check.ts";
import type { AlertPolicy, Facts, UptimeCheck } from "../facts.ts";

/**
 * Whatever gets its name from Google is made twice where the answer to its creation is lost and the provider asks again;
 * the stack then knows the later one. Google tells when a policy was made, and policies name the check they read.
 */
export const doubles: Check = {
  id: "doubles",
  title: "Alerts made twice",
  causes: ["apis"],
  look: async (facts) => {
    const [policies, checks] = await Promise.all([facts.alertPolicies(), facts.uptimeChecks()]);
    const former = sameTitle(policies).flatMap((same) => same.toSorted(byCreation).slice(0, -1));
    const read = JSON.stringify(policies);
    const unread = sameTitle(checks).flatMap((same) => same.filter((check) => !read.includes(lastPart(check.name))));
    if (former.length + unread.length === 0) return ok(`none of ${policies.length} policies`);
    const titles = [...former, ...unread].map(({ displayName }) => `"${displayName}"`);
    return finding(
      `${[...new Set(titles)].join(", ")} more than once: whoever is on call is told more than once`,
      [...former.map(deletion(facts, "policies")), ...unread.map(deletion(facts, "uptime"))].join(" && "),
    );
  },
};

function sameTitle<T extends { readonly displayName: string }>(all: readonly T[]): T[][] {
  const titles = [...new Set(all.map(({ displayName }) => displayName))];
  return titles
    .map((title) => all.filter(({ displayName }) => displayName === title))
    .filter(({ length }) => length > 1);
}

function byCreation(a: AlertPolicy, b: AlertPolicy): number {
  return (a.creationRecord?.mutateTime ?? "").localeCompare(b.creationRecord?.mutateTime ?? "");
}

function deletion(facts: Facts, group: "policies" | "uptime") {
  return (made: AlertPolicy | UptimeCheck) => facts.gcloud("monitoring", group, "delete", lastPart(made.name));
}
