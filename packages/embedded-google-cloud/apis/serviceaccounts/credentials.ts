import type { FastifyInstance, FastifyRequest } from "fastify";
import { GoogleError } from "../../rest/errors.ts";
import type { Fields } from "../../rest/fields.ts";
import type { Identities } from "../../iam/identities.ts";
import type { Api } from "../../server/server.ts";
import type { ServiceAccount, ServiceAccounts } from "./accounts.ts";

const SERVICE = "iamcredentials.googleapis.com";
/** https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken */
const DEFAULT_LIFETIME = 3600;

/** IAM Credentials v1: tokens for callers who may impersonate a service account. */
export class CredentialsApi implements Api {
  private readonly accounts: ServiceAccounts;
  private readonly identities: Identities;

  constructor(accounts: ServiceAccounts, identities: Identities) {
    this.accounts = accounts;
    this.identities = identities;
  }

  routes(app: FastifyInstance): void {
    const account = "/v1/projects/-/serviceAccounts/:account(^[^:]+)";
    app.post<{ Params: { account: string }; Body: Fields }>(
      `${account}::generateAccessToken`,
      this.at("iam.serviceAccounts.getAccessToken"),
      ({ params, body }) => {
        const { email } = this.enabled(params.account);
        const lifetime = readLifetime(body.lifetime);
        return {
          accessToken: this.identities.tokenFor(`serviceAccount:${email}`, lifetime),
          // Without a fraction: Google's library for Python reads no other form.
          expireTime: new Date(Date.now() + lifetime * 1000).toISOString().replace(/\.\d+Z$/, "Z"),
        };
      },
    );
    app.post<{ Params: { account: string }; Body: Fields }>(
      `${account}::generateIdToken`,
      this.at("iam.serviceAccounts.getOpenIdToken"),
      ({ params, body: { audience } }) => {
        const { email, uniqueId } = this.enabled(params.account);
        if (typeof audience !== "string" || audience === "") {
          throw new GoogleError("INVALID_ARGUMENT", "The audience must not be empty.");
        }
        return { token: this.identities.idTokenFor(`serviceAccount:${email}`, audience, uniqueId) };
      },
    );
  }

  /** Requires a permission on the account in the path. */
  private at(permission: string) {
    const resource = ({ params }: FastifyRequest) => this.accounts.resource((params as { account: string }).account);
    return { config: { service: SERVICE, permission, resource } };
  }

  private enabled(account: string): ServiceAccount {
    const found = this.accounts.get(account);
    if (found.disabled) throw new GoogleError("FAILED_PRECONDITION", `Service account ${found.email} is disabled.`);
    return found;
  }
}

/** The lifetime in seconds: one hour by default, which is also the maximum. */
function readLifetime(sent: unknown): number {
  if (sent === undefined || sent === "") return DEFAULT_LIFETIME;
  const seconds = typeof sent === "string" ? Number(/^(\d+)s$/.exec(sent)?.[1]) : NaN;
  if (!(seconds > 0 && seconds <= DEFAULT_LIFETIME)) {
    throw new GoogleError("INVALID_ARGUMENT", 'The lifetime must be a duration from "1s" to "3600s".');
  }
  return seconds;
}
