import { z } from "zod";
import { MANAGED_BY } from "../../infra/names.ts";
import { policy } from "../engine/policy.ts";
import { INSTANCE } from "../model/instances.ts";
import { isA } from "../model/resource.ts";
import type { Path, Types } from "../model/types.ts";
import { mayBe, text, valueAt, valuesAt } from "../model/values.ts";

/** The path of the labels, by type. */
const LABELS: { readonly [Type in keyof Types]?: Path<Types[Type]> } = {
  "gcp:sql/databaseInstance:DatabaseInstance": "settings.userLabels",
  "gcp:secretmanager/secret:Secret": "labels",
  "gcp:storage/bucket:Bucket": "labels",
  "gcp:cloudrunv2/service:Service": "labels",
  "gcp:cloudrunv2/job:Job": "labels",
};

export const requiredLabels = policy({
  name: "required-labels",
  sentence: "A resource that costs money has labels for its application and environment.",
  level: "advisory",
  severity: "low",
  reference: "https://cloud.google.com/resource-manager/docs/creating-managing-labels",
  settings: { labels: z.array(z.string()).default(["app", "environment"]).describe("Required labels") },
  resource: (resource, report, { labels }) => {
    const at = LABELS[resource.type as keyof Types];
    if (at === undefined) return;
    const set = valueAt(resource.props, at);
    const missing = labels.filter((label) => !mayBe(set, (known) => valueAt(known, label) !== undefined));
    if (missing.length > 0)
      report(resource, `${at} lacks ${missing.join(" and ")}; add ${missing.length > 1 ? "them" : "it"}.`);
  },
});

export const defaultLabels = policy({
  name: "default-labels",
  sentence: "A resource that Pulumi manages has a label that says so; it is added if missing.",
  level: "advisory",
  severity: "low",
  reference: "https://cloud.google.com/resource-manager/docs/creating-managing-labels",
  settings: {
    labels: z.record(z.string(), z.string()).default(MANAGED_BY).describe("Labels to add"),
  },
  remedy: (type, props, { labels }) => {
    const path = LABELS[type as keyof Types]?.split(".") ?? [];
    const last = path.pop();
    const holder = path.reduce<Labelled | undefined>((outer, key) => outer?.[key] as Labelled | undefined, props);
    if (last === undefined || !holder) return false;
    const set = (holder[last] ?? {}) as Record<string, string>;
    const missing = Object.entries(labels).filter(([label]) => set[label] === undefined);
    if (missing.length > 0) holder[last] = Object.assign(set, Object.fromEntries(missing));
    return missing.length > 0;
  },
});

type Labelled = Record<string, unknown>;

export const allowedRegions = policy({
  name: "allowed-regions",
  sentence: "Data and services stay in the chosen regions.",
  level: "advisory",
  severity: "medium",
  reference: "https://cloud.google.com/about/locations",
  settings: {
    regions: z.array(z.string()).default([]).describe("Allowed regions, in lower case; empty for any"),
  },
  resource: (resource, report, { regions }) => {
    if (regions.length === 0 || !resource.type.startsWith("gcp:")) return;
    const places = ["region", "location", "replication.userManaged.replicas.*.location"].flatMap((path) =>
      valuesAt(resource.props, path),
    );
    for (const { path, value } of places) {
      const place = (text(value) ?? "").toLowerCase();
      if (place === "" || place === "global" || regions.includes(place)) continue;
      const [, stack = ""] = /^urn:pulumi:(.*?)::/.exec(resource.urn) ?? [];
      const file = `policies/config.${stack}.json (or the file of --policy-pack-config)`;
      report(
        resource,
        `${path} is ${place}; use ${regions.join(" or ")}, or, if data may lie there, add "${place}" to allowed-regions.regions in ${file}.`,
      );
    }
  },
});

export const costLimits = policy({
  name: "cost-limits",
  sentence: "Environments other than production are smaller than production.",
  level: "advisory",
  severity: "low",
  reference: "https://cloud.google.com/sql/pricing",
  settings: {
    cpus: z.int().min(1).optional().describe("Maximum number of CPUs of an instance; no limit by default"),
    instances: z
      .int()
      .min(1)
      .optional()
      .describe("Maximum number of instances of a Cloud Run service; no limit by default"),
    regional: z.boolean().default(true).describe("Whether an instance may have a standby"),
  },
  resource: (resource, report, limits) => {
    if (isA(resource, INSTANCE)) {
      const cpus = cpusOf(text(valueAt(resource.props, "settings.tier")) ?? "");
      if (cpus > (limits.cpus ?? Infinity))
        report(resource, `settings.tier has ${cpus} CPUs; use ${limits.cpus ?? 0} or fewer.`);
      if (!limits.regional && valueAt(resource.props, "settings.availabilityType") === "REGIONAL")
        report(resource, "settings.availabilityType is REGIONAL, which doubles the price; set it to ZONAL.");
    }
    if (isA(resource, "gcp:cloudrunv2/service:Service")) {
      const instances = valueAt(resource.props, "template.scaling.maxInstanceCount");
      if (typeof instances === "number" && instances > (limits.instances ?? Infinity))
        report(resource, `template.scaling.maxInstanceCount is ${instances}; use ${limits.instances ?? 0} or fewer.`);
    }
  },
});

/** CPUs of a machine type, such as `db-custom-4-15360` or `db-perf-optimized-N-4`; 0 for shared ones. */
function cpusOf(tier: string): number {
  return Number(/^db-(?:custom|perf-optimized-N|memory-optimized-N|n1-standard|n1-highmem)-(\d+)/.exec(tier)?.[1] ?? 0);
}
