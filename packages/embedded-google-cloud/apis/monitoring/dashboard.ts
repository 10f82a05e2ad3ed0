import { randomUUID } from "node:crypto";
import { withoutZeros } from "../../rest/fields.ts";
import type { Kind } from "./kind.ts";

/** Dashboards, which only v1 of the API has. */
export const DASHBOARDS: Kind = {
  version: "v1",
  collection: "dashboards",
  settable: "displayName gridLayout mosaicLayout rowLayout columnLayout dashboardFilters labels annotations".split(" "),
  required: ["displayName"],
  complete: ({ name, ...layout }) => ({ ...withoutZeros(layout), name, etag: randomUUID() }),
};
