import type { HeldRevision } from "../../infra/service.ts";
import { accessToken, type Endpoints, lastPart, type Token } from "../../infra/google.ts";
import { RestReader, NotVisible } from "../google/reader.ts";
import { isLoopback } from "../engine/endpoints.ts";
import { UserError } from "../terminal/user-error.ts";

/** A service's location, and how to reach it. */
export interface ServicePlace {
  readonly project: string;
  readonly region: string;
  readonly service: string;
  readonly endpoints: Endpoints;
  /** The caller's token, if not that of {@link Google}. */
  readonly token: Token | undefined;
  /** Email of the account that may call the service: `settlement:deployer`. */
  readonly deployer: string | undefined;
}

/** The current state of a service. */
export interface LiveService {
  readonly uri: string;
  /** The revisions with traffic; empty if none is ready. */
  readonly serving: readonly HeldRevision[];
  /** URLs of tagged revisions, by tag. */
  readonly tagged: Readonly<Record<string, string>>;
  /** Name of the newest revision, ready or not. */
  readonly newest: string;
  /** Whether Cloud Run is still applying the last update. */
  readonly reconciling: boolean;
}

/** Reads a service from Cloud Run; undefined if it does not exist. */
export async function liveService(place: ServicePlace): Promise<LiveService | undefined> {
  const found = await read<gapi.client.run.GoogleCloudRunV2Service>(place, "");
  if (!found) return undefined;
  const {
    latestCreatedRevision = "",
    latestReadyRevision = "",
    reconciling = false,
    trafficStatuses = [],
    uri = "",
  } = found;
  const serving = trafficStatuses
    .filter(({ percent = 0 }) => percent > 0)
    .map(({ percent = 0, revision }) => ({ revision: lastPart(revision ?? latestReadyRevision), percent }));
  return {
    uri,
    serving: serving.filter(({ revision }) => revision !== ""),
    tagged: Object.fromEntries(trafficStatuses.flatMap(({ tag, uri = "" }) => (tag === undefined ? [] : [[tag, uri]]))),
    newest: lastPart(latestCreatedRevision),
    reconciling,
  };
}

/**
 * The version of the secret behind a revision's environment variable.
 * @returns A number or `latest`; undefined if the revision or variable does not exist, or the variable uses no secret.
 */
export async function versionRead(
  place: ServicePlace,
  revision: string,
  variable: string,
): Promise<string | undefined> {
  const found = await read<gapi.client.run.GoogleCloudRunV2Revision>(place, `/revisions/${revision}`);
  const variables = (found?.containers ?? []).flatMap(({ env }) => env ?? []);
  return variables.find(({ name }) => name === variable)?.valueSource?.secretKeyRef?.version;
}

/** @param path Relative to the service. */
async function read<T>({ endpoints, project, region, service, token }: ServicePlace, path: string) {
  const full = `projects/${project}/locations/${region}/services/${service}${path}`;
  const reader = new RestReader(endpoints, token);
  return reader.read<T>({ api: "cloudRunV2", path: full, role: "roles/run.viewer" }).catch((error: unknown) => {
    if (error instanceof NotVisible)
      throw new UserError(`Cannot read which revision of ${service} has the traffic: ${error.message}`);
    throw error;
  });
}

/**
 * A token to call the service with: Cloud Run requires an ID token for the service's own URL, even for a tagged one.
 * https://cloud.google.com/run/docs/authenticating/service-to-service
 * @param audience URL of the service, without a tag.
 * @throws UserError if the caller may not impersonate the configured account.
 */
export async function invokerToken(place: ServicePlace, audience: string): Promise<string> {
  const { deployer, endpoints, token } = place;
  // The embedded cloud accepts its owner's token.
  if (deployer === undefined) return (token ?? accessToken)();
  const path = `projects/-/serviceAccounts/${deployer}:generateIdToken`;
  const role = "roles/iam.serviceAccountOpenIdTokenCreator";
  const body: gapi.client.iamcredentials.GenerateIdTokenRequest = { audience, includeEmail: true };
  const reader = new RestReader(endpoints, token);
  const question = { api: "iamCredentials", path, role, body } as const;
  type Answer = gapi.client.iamcredentials.GenerateIdTokenResponse;
  const answer = await reader.read<Answer>(question).catch((error: unknown) => {
    if (!(error instanceof NotVisible)) throw error;
    throw new UserError(
      `No ID token for ${deployer}: ${error.message}. To test a revision, the caller needs ${role} on that account.`,
    );
  });
  if (answer?.token === undefined) throw new UserError(`No ID token for ${deployer}: this account does not exist.`);
  return answer.token;
}

/** @throws UserError if a service on Google has no account that may test a revision: `settlement:deployer` is not set. */
export function requireInvoker(stack: string, { deployer, endpoints }: ServicePlace): void {
  if (deployer !== undefined || isLoopback(endpoints.cloudRunV2)) return;
  throw new UserError(
    `A new revision is tested before it gets traffic, but no account may call it: add settlement:deployer to ` +
      `Pulumi.${stack}.yaml, with the email of the account that updates the stack. Nothing was changed.`,
  );
}
