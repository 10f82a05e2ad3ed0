import { lastPart } from "../../../infra/google.ts";
import { type Check, finding, ok } from "../check.ts";
import type { AlertPolicy, Facts, UptimeCheck } from "../facts.ts";

/**
 * If the response to a creation is lost, the provider creates a resource that Google names a second time. The stack knows
 * only the newest policy, and a policy refers to the uptime check in use.
 */
export const duplicates: Check = {
  id: "doubles",
  title: "Duplicate alerts",
  causes: ["apis"],
  look: async (facts) => {
    const [policies, checks] = await Promise.all([facts.alertPolicies(), facts.uptimeChecks()]);
    const older = sameTitle(policies).flatMap((same) => same.toSorted(byCreation).slice(0, -1));
    const read = JSON.stringify(policies);
    const unread = sameTitle(checks).flatMap((same) => same.filter((check) => !read.includes(lastPart(check.name))));
    if (older.length + unread.length === 0) return ok(`none among ${policies.length} policies`);
    const titles = [...older, ...unread].map(({ displayName }) => `"${displayName}"`);
    return finding(
      `${[...new Set(titles)].join(", ")} exist more than once: on-call is notified more than once`,
      [...older.map(deletion(facts, "policies")), ...unread.map(deletion(facts, "uptime"))].join(" && "),
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

/** Policies are not in the general release track of every gcloud. */
const GROUPS = { policies: ["alpha", "monitoring", "policies"], uptime: ["monitoring", "uptime"] };

function deletion(facts: Facts, group: keyof typeof GROUPS) {
  return ({ name }: AlertPolicy | UptimeCheck) => facts.gcloud(...GROUPS[group], "delete", lastPart(name));
}
