import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { isDeepStrictEqual } from "node:util";
import { CANDIDATE } from "../../infra/service.ts";
import { endpointsOf } from "../engine/endpoints.ts";
import { tokenOf } from "../engine/token.ts";
import type { Change, Preview, PropertyChange } from "../preview/model.ts";
import { smokeTest } from "../service/smoke.ts";
import { command } from "../terminal/command.ts";
import { UserError } from "../terminal/user-error.ts";
import { invokerToken, type LiveService, liveService, requireInvoker, type ServicePlace } from "../service/live.ts";

const SERVICE = "gcp:cloudrunv2/service:Service";

/** The property that assigns the traffic, by type: of a service to revisions, of the load balancer to a region. */
const TRAFFIC: Readonly<Record<string, string>> = {
  [SERVICE]: "traffics",
  "gcp:compute/backendService:BackendService": "backends",
};

/** The rollout of a new revision, which is tested before it gets traffic. */
export interface Rollout {
  /** URNs of the resources that move the traffic. */
  readonly urns: readonly string[];
  /** The region that a load balancer leads to before the update; undefined if it leads there afterwards too. */
  readonly region: string | undefined;
  readonly place: ServicePlace;
  /** The service before the update. */
  readonly before: LiveService;
}

/**
 * The rollout of an update that would move the service's traffic to another revision: one that it creates, or one left by an
 * unfinished rollout.
 * @param preview What the update would do.
 * @returns Undefined if the update moves no traffic, or no revision has traffic yet.
 * @throws UserError if no account is configured that may test the revision.
 */
export async function rolloutOf(stack: Stack, { changes, config }: Preview): Promise<Rollout | undefined> {
  const region = primaryRegionOf(config);
  const service = changes.find(
    (change) => change.type === SERVICE && isInPlace(change) && (change.after.location ?? region) === region,
  );
  if (!service?.properties.some(({ path }) => /^(template|traffics)\b/.test(path))) return undefined;
  const place = { ...placeOf(stack, config, String(service.after.name)), region };
  const before = await liveService(place);
  if (!before || before.serving.length === 0) return undefined;
  requireInvoker(stack.name, place);
  const balancers = changes.filter((change) => change.type !== SERVICE && movesTraffic(change));
  return { urns: [service, ...balancers].map(({ urn }) => urn), region: regionOf(balancers[0]), place, before };
}

/** The location of a stack's service, by name, from the stack's configuration. */
export function placeOf(stack: Stack, config: Readonly<Record<string, string>>, service: string): ServicePlace {
  return {
    project: config["gcp:project"] ?? "",
    region: config["gcp:region"] ?? "",
    service,
    endpoints: endpointsOf(config),
    token: tokenOf(stack),
    deployer: config["settlement:deployer"],
  };
}

/** The region whose service has the users: that of the replica once it is promoted, else the stack's. */
function primaryRegionOf(config: Readonly<Record<string, string>>): string {
  const { replica } = JSON.parse(config["settlement:database"] ?? "{}") as {
    replica?: { promoted?: boolean; region?: string };
  };
  const home = config["gcp:region"] ?? "";
  return replica?.promoted === true ? (replica.region ?? home) : home;
}

function isInPlace({ op }: Change): boolean {
  return ["import", "update"].includes(op);
}

function movesTraffic(change: Change): boolean {
  return isInPlace(change) && change.properties.some((property) => isTraffic(change, property));
}

function regionOf(balancer: Change | undefined): string | undefined {
  const { backends = [] } = (balancer?.before ?? {}) as { backends?: readonly { readonly group?: string }[] };
  return /\/regions\/([^/]+)\//.exec(backends[0]?.group ?? "")?.[1];
}

function isTraffic({ type }: Change, { path }: PropertyChange): boolean {
  return /^\w+/.exec(path)?.[0] === TRAFFIC[type];
}

/**
 * Whether two previews are equal except for the traffic.
 * @param shown The preview that was confirmed.
 * @param staged The preview of the same update without moving traffic.
 */
export function differInTrafficOnly(shown: Preview, staged: Preview): boolean {
  const rest = ({ changes }: Preview) =>
    changes.flatMap((change): readonly Change[] => {
      const traffic = TRAFFIC[change.type];
      if (traffic === undefined || !isInPlace(change)) return [change];
      const properties = change.properties.filter((property) => !isTraffic(change, property));
      const before = { ...change.before, [traffic]: undefined };
      const after = { ...change.after, [traffic]: undefined };
      return properties.length === 0 ? [] : [{ ...change, properties, before, after }];
    });
  return isDeepStrictEqual(rest(shown), rest(staged));
}

/**
 * Tests the newest revision at its tag's URL.
 * @param say Prints a line of progress.
 * @throws UserError with its response and what to do; the traffic does not move.
 */
export async function testCandidate(
  stack: Stack,
  { before, place }: Rollout,
  say: (line: string) => void,
): Promise<void> {
  const { newest = "", tagged = {} } = (await liveService(place)) ?? {};
  const url = tagged[CANDIDATE];
  try {
    if (url === undefined) throw new UserError(`Cloud Run has no revision with the tag ${CANDIDATE}.`);
    say(`Testing ${newest} without traffic, at ${url} ...`);
    await smokeTest(url, await invokerToken(place, before.uri), say);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const entries = `resource.labels.revision_name="${newest}"`;
    const log = command("gcloud", "logging", "read", entries, "--limit=50", `--project=${place.project}`);
    throw new UserError(
      `${newest} gets no traffic: ${error.message}\n${kept(before)} Its log: ${log}\n` +
        `Once it is fixed: npm run up -- --stack ${stack.name}`,
    );
  }
}

/** A sentence that says which revisions keep the traffic. */
export function kept({ serving }: LiveService): string {
  return `Users are not affected: the traffic stays on ${serving.map(({ revision }) => revision).join(" and ")}.`;
}
