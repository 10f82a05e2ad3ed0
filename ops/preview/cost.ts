import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Change } from "./model.ts";

/** A row of the table of list prices. */
interface Price {
  readonly what: string;
  readonly region: string;
  /** Such as `vCPU hour`. */
  readonly unit: string;
  /** In US dollars. */
  readonly price: number;
  /** Address of the price list. */
  readonly source: string;
  /** When the price stood there. */
  readonly date: string;
}

const { prices: PRICES } = JSON.parse(readFileSync(join(import.meta.dirname, "prices.json"), "utf8")) as {
  readonly prices: readonly Price[];
};

/** The hours that Google's calculator counts a month. */
const HOURS = 730;

/** The storage of a new instance, in GiB: https://cloud.google.com/sql/docs/postgres/instance-settings */
const NEW_DISK = 10;

/** An estimate of what a resource costs, or why there is none. */
export type Estimate =
  { readonly monthly: number; readonly prices: readonly Price[] } | { readonly notEstimated: string };

/** A resource whose cost an update changes. */
export interface CostChange {
  readonly change: Change;
  /** Undefined if it does not exist before. */
  readonly before: Estimate | undefined;
  /** Undefined if it does not exist afterwards. */
  readonly after: Estimate | undefined;
}

/** A number of units at a price of the table. */
type Item = readonly [what: string, units: number];

/** What a resource is billed for: items in a region, or why they are not known. */
type Bill = { readonly region: string; readonly items: readonly Item[] } | { readonly unknown: string };

interface InstanceInputs {
  readonly region?: string;
  readonly settings?: {
    readonly activationPolicy?: string;
    readonly availabilityType?: string;
    readonly diskSize?: number;
    readonly diskType?: string;
    readonly edition?: string;
    readonly tier?: string;
  };
}

interface ServiceInputs {
  readonly location?: string;
  readonly template?: {
    readonly scaling?: { readonly minInstanceCount?: number };
    readonly containers?: readonly {
      readonly resources?: {
        readonly cpuIdle?: boolean;
        readonly limits?: { readonly cpu?: string; readonly memory?: string };
      };
    }[];
  };
}

/** The types that cost something by themselves, with the items of their bill. */
const BILLS: Readonly<Record<string, (inputs: object, outputs: object) => Bill>> = {
  "gcp:sql/databaseInstance:DatabaseInstance": instanceBill,
  "gcp:cloudrunv2/service:Service": serviceBill,
  // https://cloud.google.com/load-balancing/pricing: by the rule and the hour; traffic comes on top.
  "gcp:compute/globalForwardingRule:GlobalForwardingRule": () => ({
    region: "global",
    items: [["forwarding rule", 1]],
  }),
};

/**
 * The resources whose cost changes: instances by tier, edition, availability and storage, the minimum instances of services, and
 * the rule of a load balancer. Requests, traffic and backups depend on use and are not part of it.
 */
export function costs(changes: readonly Change[]): CostChange[] {
  return changes.flatMap((change): CostChange[] => {
    const bill = BILLS[change.type];
    if (!bill || change.op === "forget") return [];
    const [was, will] = [change.op !== "create", change.op !== "delete"];
    const before = was ? bill(change.before, change.outputs) : undefined;
    const after = will ? bill(change.after, change.outputs) : undefined;
    if (isDeepStrictEqual(before, after) || (isFree(before) && isFree(after))) return [];
    return [{ change, before: before && estimate(before), after: after && estimate(after) }];
  });
}

function isFree(bill: Bill | undefined): boolean {
  return bill === undefined || ("items" in bill && bill.items.length === 0);
}

function estimate(bill: Bill): Estimate {
  if ("unknown" in bill) return { notEstimated: bill.unknown };
  const prices: Price[] = [];
  let monthly = 0;
  for (const [what, units] of bill.items) {
    const price = PRICES.find((one) => one.what === what && one.region === bill.region);
    if (!price) return { notEstimated: `the table has no price of ${what} in ${bill.region}` };
    prices.push(price);
    monthly += price.price * units * HOURS * (price.unit.endsWith(" second") ? 3600 : 1);
  }
  return { monthly, prices };
}

/** https://cloud.google.com/sql/pricing: an instance with a standby costs twice as much, its storage included. */
function instanceBill(inputs: object, outputs: object): Bill {
  const { region = "", settings = {} } = inputs as InstanceInputs;
  const { activationPolicy, availabilityType, diskType = "PD_SSD", edition = "ENTERPRISE", tier = "" } = settings;
  const disk = settings.diskSize ?? (outputs as InstanceInputs).settings?.diskSize ?? NEW_DISK;
  const copies = availabilityType === "REGIONAL" ? 2 : 1;
  const [, cpus, megabytes] = /^db-custom-(\d+)-(\d+)$/.exec(tier) ?? [];
  const machine: readonly Item[] =
    cpus === undefined
      ? [[`sql ${tier}`, 1]]
      : [
          [`sql ${edition} vCPU`, Number(cpus)],
          [`sql ${edition} memory`, Number(megabytes) / 1024],
        ];
  // A stopped instance is billed for its storage.
  const items: readonly Item[] = [...(activationPolicy === "NEVER" ? [] : machine), [`sql ${diskType}`, disk]];
  return { region, items: items.map(([what, units]) => [what, units * copies]) };
}

/** https://cloud.google.com/run/pricing: minimum instances are billed while idle; requests come on top. */
function serviceBill(inputs: object): Bill {
  const { location: region = "", template = {} } = inputs as ServiceInputs;
  const { containers = [], scaling } = template;
  const instances = scaling?.minInstanceCount ?? 0;
  if (instances === 0) return { region, items: [] };
  let vcpu = 0;
  let gib = 0;
  for (const { resources } of containers) {
    const size = /^(\d+)(Mi|Gi)$/.exec(resources?.limits?.memory ?? "");
    if (resources?.cpuIdle !== true || !size) return { unknown: "CPU around the clock, or no limits" };
    vcpu += Number(resources.limits?.cpu);
    gib += Number(size[1]) / (size[2] === "Mi" ? 1024 : 1);
  }
  return {
    region,
    items: [
      ["run idle vCPU", vcpu * instances],
      ["run idle memory", gib * instances],
    ],
  };
}
