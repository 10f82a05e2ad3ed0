import { hash, randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { GoogleError } from "../rest/errors.ts";
import { replaceFile, StoreError } from "../state/store.ts";

/** The member that owns every project of the embedded cloud. */
export const OWNER = "user:owner@local.test";

/** An hour, in milliseconds: https://cloud.google.com/docs/authentication/token-types#id */
const ID_TOKEN_LIFETIME = 60 * 60 * 1000;

/** Whose token a request carries. */
export interface Caller {
  readonly member: string;
  /** The URL that the token was made for, where it only says who calls: no API takes such a one. */
  readonly audience?: string;
}

/** Who calls: tokens of the embedded cloud and the members they stand for. */
export class Identities {
  /** The owner's token; the same after a restart, in a file that only its owner can read. */
  readonly ownerToken: string;
  private readonly members = new Map<string, Caller & { expires: number }>();

  /** @param folder The state folder. */
  constructor(folder: string) {
    const path = join(folder, "owner-token");
    if (!existsSync(path)) replaceFile(path, randomBytes(24).toString("base64url"));
    this.ownerToken = readFileSync(path, "utf8");
    if (this.ownerToken === "") throw new StoreError(path, "it is empty");
    this.members.set(digest(this.ownerToken), { member: OWNER, expires: Infinity });
  }

  /**
   * A new token for a member.
   * @param member Such as `serviceAccount:EMAIL`.
   * @param lifetime Seconds; by default as long as the embedded cloud runs.
   */
  tokenFor(member: string, lifetime = Infinity): string {
    const token = randomBytes(24).toString("base64url");
    this.members.set(digest(token), { member, expires: Date.now() + lifetime * 1000 });
    return token;
  }

  /**
   * A new token that says who calls, and nothing else: an ID token, though opaque like the others here.
   * @param audience The URL that it is for.
   */
  idTokenFor(member: string, audience: string): string {
    const token = randomBytes(24).toString("base64url");
    this.members.set(digest(token), { member, audience, expires: Date.now() + ID_TOKEN_LIFETIME });
    return token;
  }

  /**
   * @param authorization The request's header.
   * @returns Who calls; undefined where the request carries no token.
   * @throws GoogleError UNAUTHENTICATED where the token is not one of ours, or no longer.
   */
  caller(authorization: string | undefined): Caller | undefined {
    const token = /^Bearer (.+)$/i.exec(authorization ?? "")?.[1];
    if (token === undefined) return undefined;
    const known = this.members.get(digest(token));
    if (!known || known.expires <= Date.now()) throw invalidCredentials();
    return known;
  }
}

/** The answer to a token that is none, none any more, or one for something else. */
export function invalidCredentials(): GoogleError {
  return new GoogleError(
    "UNAUTHENTICATED",
    "Request had invalid authentication credentials. Expected OAuth 2 access token.",
    "authError",
  );
}

/** Tokens are compared by digest, so that the time it takes tells nothing about them. */
function digest(token: string): string {
  return hash("sha256", token);
}
