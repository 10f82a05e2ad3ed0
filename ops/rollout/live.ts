import type { HeldRevision } from "../../infra/service.ts";
import { accessToken, type Endpoints, lastPart, type Token } from "../../infra/google.ts";
import { RestReader, NotVisible } from "../google/reader.ts";
import { isLoopback } from "../engine/endpoints.ts";
import { UserError } from "../terminal/user-error.ts";

/** Where a service is, and how it is reached. */
export interface ServicePlace {
  readonly project: string;
  readonly region: string;
  /** Name of the service. */
  readonly service: string;
  readonly endpoints: Endpoints;
  /** The caller's, where it is not that of {@link Google}. */
  readonly token: Token | undefined;
  /** Email of the account that may call the service: `settlement:deployer`. */
  readonly deployer: string | undefined;
}

/** A service as it is in the cloud now. */
export interface LiveService {
  readonly uri: string;
  /** The revisions that have its traffic; empty where none is ready. */
  readonly serving: readonly HeldRevision[];
  /** URL of the revision that has this tag, by tag. */
  readonly tagged: Readonly<Record<string, string>>;
  /** Name of its newest revision, ready or not. */
  readonly newest: string;
  /** Whether Cloud Run is still about to make it what was asked for. */
  readonly reconciling: boolean;
}

/**
 * Asks Cloud Run for a service.
 * @returns Undefined where there is none.
 */
export async function liveService(place: ServicePlace): Promise<LiveService | undefined> {
  const found = await ask<gapi.client.run.GoogleCloudRunV2Service>(place, "");
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
 * The version of a secret that a revision takes an environment variable from.
 * @param variable Name of the variable.
 * @returns A number or `latest`; undefined where there is no such revision or variable, or it is taken from no secret.
 */
export async function versionRead(
  place: ServicePlace,
  revision: string,
  variable: string,
): Promise<string | undefined> {
  const found = await ask<gapi.client.run.GoogleCloudRunV2Revision>(place, `/revisions/${revision}`);
  const variables = (found?.containers ?? []).flatMap(({ env }) => env ?? []);
  return variables.find(({ name }) => name === variable)?.valueSource?.secretKeyRef?.version;
}

/** @param path Below the service. */
async function ask<T>({ endpoints, project, region, service, token }: ServicePlace, path: string) {
  const whole = `projects/${project}/locations/${region}/services/${service}${path}`;
  const reader = new RestReader(endpoints, token);
  return reader.read<T>({ api: "cloudRunV2", path: whole, role: "roles/run.viewer" }).catch((error: unknown) => {
    if (error instanceof NotVisible)
      throw new UserError(`Which revision of ${service} has the traffic cannot be seen: ${error.message}`);
    throw error;
  });
}

/**
 * A token that the service takes: Cloud Run wants an ID token, which says who calls, made for the URL of the service even
 * where a tag is called. https://cloud.google.com/run/docs/authenticating/service-to-service
 * @param audience URL of the service, without a tag.
 * @throws UserError where nobody is configured who may call it, or the caller may not act for that account.
 */
export async function invokerToken(place: ServicePlace, audience: string): Promise<string> {
  const { deployer, endpoints, token } = place;
  // The embedded cloud takes the token of its owner.
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
      `No ID token of ${deployer}: ${error.message}. Whoever tries a revision needs ${role} on that account.`,
    );
  });
  if (answer?.token === undefined) throw new UserError(`No ID token of ${deployer}: there is no such account.`);
  return answer.token;
}

/**
 * @param stack The stack's name.
 * @throws UserError where the stack does not say as whom a revision is tried, and Google would refuse the call.
 */
export function requireInvoker(stack: string, { deployer, endpoints }: ServicePlace): void {
  if (deployer !== undefined || isLoopback(endpoints.cloudRunV2)) return;
  throw new UserError(
    `A new revision is tried before it gets traffic, and nobody is named who may call it: add settlement:deployer to ` +
      `Pulumi.${stack}.yaml, the email of the account that updates the stack. Nothing was changed.`,
  );
}
