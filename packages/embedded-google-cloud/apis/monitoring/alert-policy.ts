import { randomInt } from "node:crypto";
import { type Fields, isFields } from "../../rest/fields.ts";
import { parseFilter } from "../logging/filter.ts";
import { type Kind, mutation } from "./kind.ts";

/** Alert policies: every condition gets a name, and the filter of a log-based condition must be valid in Logging. */
export const ALERT_POLICIES: Kind = {
  version: "v3",
  collection: "alertPolicies",
  settable: [
    ..."displayName documentation userLabels conditions combiner enabled notificationChannels severity".split(" "),
    "alertStrategy",
  ],
  required: ["displayName", "combiner", "conditions"],
  complete: (policy, member) => ({
    ...policy,
    enabled: policy.enabled ?? true,
    conditions: Array.isArray(policy.conditions)
      ? policy.conditions.map((condition: unknown) => named(policy.name, isFields(condition) ? condition : {}))
      : undefined,
    creationRecord: policy.creationRecord ?? mutation(member),
    mutationRecord: mutation(member),
  }),
};

/** The names of the channels that a policy notifies. */
export function channelsOf(policy: Fields): string[] {
  const { notificationChannels } = policy;
  return Array.isArray(notificationChannels) ? notificationChannels.map(String) : [];
}

/** Whether a policy has a condition on a log entry. */
export function readsLog({ conditions }: Fields): boolean {
  return (
    Array.isArray(conditions) &&
    conditions.some((each: unknown) => isFields(each) && isFields(each.conditionMatchedLog))
  );
}

function named(policy: string, condition: Fields): Fields {
  const { conditionMatchedLog: log } = condition;
  if (isFields(log)) parseFilter(String(log.filter));
  return { ...condition, name: condition.name ?? `${policy}/conditions/${randomInt(2 ** 47)}` };
}
