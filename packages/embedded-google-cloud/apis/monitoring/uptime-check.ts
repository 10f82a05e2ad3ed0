import type { Kind } from "./kind.ts";

/** Uptime checks; they are stored, but nothing is probed. */
export const UPTIME_CHECKS: Kind = {
  version: "v3",
  collection: "uptimeCheckConfigs",
  settable: [
    ..."displayName monitoredResource resourceGroup syntheticMonitor httpCheck tcpCheck period timeout".split(" "),
    ..."contentMatchers checkerType selectedRegions userLabels logCheckFailures disabled".split(" "),
  ],
  required: ["displayName", "timeout"],
  // https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.uptimeCheckConfigs: one minute by default.
  complete: (check) => ({ ...check, period: check.period ?? "60s" }),
};
