import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { isDeepStrictEqual } from "node:util";
import { CANDIDATE } from "../../infra/service.ts";
import { endpointsOf } from "../engine/endpoints.ts";
import type { Change, Preview } from "../preview/model.ts";
import { smokeTest } from "./smoke.ts";
import { UserError } from "../terminal/user-error.ts";
import { invokerToken, type LiveService, liveService, requireInvoker, type ServicePlace } from "./live.ts";

/** The properties of a service that make a revision, and those that say which one has the traffic. */
const TEMPLATE = /^template\b/;
const TRAFFIC = /^traffics\b/;

/** A new revision that has to be tried before it gets traffic. */
export interface Rollout {
  /** URN of the service. */
  readonly urn: string;
  readonly place: ServicePlace;
  /** The service as it was before. */
  readonly before: LiveService;
}

/**
 * Whether an update gives the traffic of a service to another revision than has it now: one that it makes, or one that an
 * earlier rollout made and did not finish.
 * @param preview What the update would do.
 * @returns Undefined where it does not, or nothing has traffic that could keep it.
 * @throws UserError where nobody is configured who could try the revision.
 */
export async function rolloutOf(stack: Stack, { changes, config }: Preview): Promise<Rollout | undefined> {
  const service = changes.find(isService);
  if (!service?.properties.some(({ path }) => TEMPLATE.test(path) || TRAFFIC.test(path))) return undefined;
  const place = placeOf(stack, config, String(service.after.name));
  const before = await liveService(place);
  if (!before || before.serving.length === 0) return undefined;
  requireInvoker(stack.name, place);
  return { urn: service.urn, place, before };
}

/**
 * Where a stack's service is, and how it is reached.
 * @param config The stack's configuration, by key.
 * @param service Its name.
 */
export function placeOf(stack: Stack, config: Readonly<Record<string, string>>, service: string): ServicePlace {
  const { GOOGLE_OAUTH_ACCESS_TOKEN: token } = stack.workspace.envVars;
  return {
    project: config["gcp:project"] ?? "",
    region: config["gcp:region"] ?? "",
    service,
    endpoints: endpointsOf(config),
    token: token === undefined ? undefined : () => Promise.resolve(token),
    deployer: config["settlement:deployer"],
  };
}

function isService({ op, type }: Change): boolean {
  return type === "gcp:cloudrunv2/service:Service" && ["import", "update"].includes(op);
}

/**
 * Whether two previews do the same, but for who has the traffic of the service.
 * @param shown The preview that was agreed to.
 * @param held The one that keeps the traffic where it is.
 */
export function differInTrafficOnly(shown: Preview, held: Preview): boolean {
  const rest = ({ changes }: Preview) =>
    changes.flatMap((change): readonly Change[] => {
      if (!isService(change)) return [change];
      const properties = change.properties.filter(({ path }) => !TRAFFIC.test(path));
      const before = { ...change.before, traffics: undefined };
      const after = { ...change.after, traffics: undefined };
      return properties.length === 0 ? [] : [{ ...change, properties, before, after }];
    });
  return isDeepStrictEqual(rest(shown), rest(held));
}

/**
 * Tries the newest revision under its tag.
 * @param say Prints a line of progress.
 * @throws UserError with what it answered, and what to do; the traffic stays where it is.
 */
export async function tryCandidate(
  stack: Stack,
  { before, place }: Rollout,
  say: (line: string) => void,
): Promise<void> {
  const { newest = "", tagged = {} } = (await liveService(place)) ?? {};
  const url = tagged[CANDIDATE];
  try {
    if (url === undefined) throw new UserError(`Cloud Run has no revision with the tag ${CANDIDATE}.`);
    say(`Trying ${newest} without traffic, at ${url} ...`);
    await smokeTest(url, await invokerToken(place, before.uri));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(
      `${newest} gets no traffic: ${error.message}\n${kept(before)} Its log: gcloud run revisions logs read ${newest} ` +
        `--region ${place.region} --project ${place.project}\nWhen it is mended: npm run up -- --stack ${stack.name}`,
    );
  }
}

/** Who serves, as a sentence. */
export function kept({ serving }: LiveService): string {
  return `Users notice nothing: ${serving.map(({ revision }) => revision).join(" and ")} serves as before.`;
}
