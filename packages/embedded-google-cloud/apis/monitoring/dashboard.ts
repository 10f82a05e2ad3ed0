import { randomUUID } from "node:crypto";
import type { Kind } from "./kind.ts";

/** Dashboards, the only resource here that is still v1. */
export const DASHBOARDS: Kind = {
  version: "v1",
  collection: "dashboards",
  settable: [
    "displayName",
    "gridLayout",
    "mosaicLayout",
    "rowLayout",
    "columnLayout",
    "dashboardFilters",
    "labels",
    "annotations",
  ],
  required: ["displayName"],
  complete: (dashboard) => ({ ...dashboard, etag: randomUUID() }),
};
