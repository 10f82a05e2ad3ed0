import type { FastifyInstance, FastifyRequest } from "fastify";
import { GoogleError } from "../errors";
import type { Fields } from "../fields";
import type { Identities } from "../identities";
import type { Api } from "../server";
import type { ServiceAccounts } from "./accounts";

const SERVICE = "iamcredentials.googleapis.com";
/** https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken */
const DEFAULT_LIFETIME = 3600;

/** IAM Credentials v1: tokens of service accounts, for those who may act as them. */
export class CredentialsApi implements Api {
  constructor(
    private readonly accounts: ServiceAccounts,
    private readonly identities: Identities,
  ) {}

  routes(app: FastifyInstance): void {
    app.post<{ Params: { account: string }; Body: Fields }>(
      "/v1/projects/-/serviceAccounts/:account(^[^:]+)::generateAccessToken",
      {
        config: {
          service: SERVICE,
          permission: "iam.serviceAccounts.getAccessToken",
          resource: (request: FastifyRequest) =>
            this.accounts.resource((request.params as { account: string }).account),
        },
      },
      ({ params, body }) => {
        const { email, disabled } = this.accounts.get(params.account);
        if (disabled) throw new GoogleError("FAILED_PRECONDITION", `Service account ${email} is disabled.`);
        const lifetime = readLifetime(body.lifetime);
        return {
          accessToken: this.identities.tokenFor(`serviceAccount:${email}`, lifetime),
          expireTime: new Date(Date.now() + lifetime * 1000).toISOString(),
        };
      },
    );
  }
}

/** Seconds; an hour where the client asks for nothing, and at most an hour. */
function readLifetime(sent: unknown): number {
  if (sent === undefined || sent === "") return DEFAULT_LIFETIME;
  const seconds = typeof sent === "string" ? Number(/^(\d+)s$/.exec(sent)?.[1]) : NaN;
  if (!(seconds > 0 && seconds <= DEFAULT_LIFETIME)) {
    throw new GoogleError("INVALID_ARGUMENT", 'The lifetime must be a duration from "1s" to "3600s".');
  }
  return seconds;
}
