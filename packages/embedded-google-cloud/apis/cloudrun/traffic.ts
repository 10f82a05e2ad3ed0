import { createHash } from "node:crypto";
import { parentOf, shortName } from "../../rest/names.ts";
import type { Service, TrafficTarget } from "./resources.ts";
import { violation } from "./limits.ts";

const LATEST = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST";
const REVISION = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION";

/** The default traffic of a service: all to the latest ready revision. */
export const ALL_TO_LATEST: TrafficTarget[] = [{ type: LATEST, percent: 100 }];

/** @throws GoogleError INVALID_ARGUMENT for an invalid target, or percents that do not add up to 100. */
export function checkTraffic(traffic: readonly Partial<TrafficTarget>[]): asserts traffic is TrafficTarget[] {
  for (const [index, { type, revision, tag, percent = 0 }] of traffic.entries()) {
    const field = `service.traffic[${index}]`;
    if (type !== LATEST && type !== REVISION) throw violation(`${field}.type`, `Must be ${LATEST} or ${REVISION}.`);
    if ((type === REVISION) !== Boolean(revision))
      throw violation(`${field}.revision`, `Must be set if, and only if, the type is ${REVISION}.`);
    if (percent < 0 || percent > 100) throw violation(`${field}.percent`, "Must be between 0 and 100.");
    if (tag !== undefined && !/^[a-z]([a-z0-9-]*[a-z0-9])?$/.test(tag)) {
      throw violation(`${field}.tag`, "Must be lower case letters, digits and hyphens, beginning with a letter.");
    }
    if (tag !== undefined && traffic.findIndex((other) => other.tag === tag) !== index) {
      throw violation(`${field}.tag`, `The tag ${tag} was provided more than once.`);
    }
  }
  const sum = traffic.reduce((total, { percent = 0 }) => total + percent, 0);
  if (sum !== 100) throw violation("service.traffic", `The percents must add up to 100, not ${sum}.`);
}

/** Full name of a target's revision; undefined if no revision is ready yet. */
export function revisionOf(service: Service, target: TrafficTarget): string | undefined {
  return target.type === LATEST ? service.latestReadyRevision : `${service.name}/revisions/${target.revision ?? ""}`;
}

/** Full names of the revisions that requests can reach. */
export function reachable(service: Service): Set<string> {
  const targets = service.trafficStatuses.filter(({ percent = 0, tag }) => percent > 0 || tag !== undefined);
  return new Set(targets.flatMap((target) => revisionOf(service, target) ?? []));
}

/**
 * The target of a request.
 * @param tag The tag in its URL, if any.
 * @param chance A random number from 0 to 1, which selects a target by its percent.
 */
export function targetOf(service: Service, tag: string | undefined, chance: number): TrafficTarget | undefined {
  if (tag !== undefined) return service.trafficStatuses.find((target) => target.tag === tag);
  let passed = 0;
  return service.trafficStatuses.find(({ percent = 0 }) => (passed += percent) > chance * 100);
}

/** The host of a service, derived from its name: `NAME-HASH-REGION.a.run.app`. */
export function hostOf(service: string): string {
  const location = shortName(parentOf(service));
  const hash = BigInt(`0x${createHash("sha256").update(service).digest("hex")}`)
    .toString(36)
    .slice(0, 10);
  const code = location.split("-").map(([initial = ""]) => initial);
  return `${shortName(service)}-${hash}-${code.join("")}.a.run.app`;
}
