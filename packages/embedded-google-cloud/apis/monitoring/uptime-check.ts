import type { Kind } from "./kind.ts";

/** Uptime checks; kept and returned, nothing is probed. */
export const UPTIME_CHECKS: Kind = {
  version: "v3",
  collection: "uptimeCheckConfigs",
  settable: [
    "displayName",
    "monitoredResource",
    "resourceGroup",
    "syntheticMonitor",
    "httpCheck",
    "tcpCheck",
    "period",
    "timeout",
    "contentMatchers",
    "checkerType",
    "selectedRegions",
    "userLabels",
    "logCheckFailures",
    "disabled",
  ],
  required: ["displayName", "timeout"],
  // https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.uptimeCheckConfigs: a minute unless it is set.
  complete: (check) => ({ ...check, period: check.period ?? "60s" }),
};
