import { hash, randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { GoogleError } from "../rest/errors.ts";
import { replaceFile, StoreError } from "../state/store.ts";

/** The owner of every project of the embedded cloud. */
export const OWNER = "user:owner@local.test";

/** An hour, in milliseconds: https://cloud.google.com/docs/authentication/token-types#id */
const ID_TOKEN_LIFETIME = 60 * 60 * 1000;

/** The caller that a token identifies. */
export interface Caller {
  readonly member: string;
  /** Set for an ID token, which APIs do not accept. */
  readonly audience?: string;
}

/** The tokens of the embedded cloud and the members they identify. */
export class Identities {
  /** The owner's token; it survives restarts, in a file with mode 0600. */
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
   * @param lifetime Seconds; unlimited by default.
   */
  tokenFor(member: string, lifetime = Infinity): string {
    return this.issue({ member }, lifetime * 1000);
  }

  /**
   * A new ID token of a service account. Libraries read its claims; only the embedded cloud accepts it, for which the last part
   * is a secret and no signature.
   * @param audience The URL it is for.
   * @param subject Unique id of the account; none by default.
   */
  idTokenFor(member: string, audience: string, subject?: string): string {
    const seconds = Math.floor(Date.now() / 1000);
    const email = member.replace(/^serviceAccount:/, "");
    const claims = {
      iss: "https://accounts.google.com",
      aud: audience,
      azp: subject,
      sub: subject,
      email,
      email_verified: true,
      iat: seconds,
      exp: seconds + ID_TOKEN_LIFETIME / 1000,
    };
    const [header, payload] = [{ alg: "RS256", typ: "JWT" }, claims].map((part) =>
      Buffer.from(JSON.stringify(part)).toString("base64url"),
    );
    return this.issue({ member, audience }, ID_TOKEN_LIFETIME, `${header}.${payload}.`);
  }

  /**
   * @param authorization The request's header.
   * @returns Undefined if the request has no token.
   * @throws GoogleError UNAUTHENTICATED if the token is unknown or expired.
   */
  caller(authorization: string | undefined): Caller | undefined {
    const token = /^Bearer (.+)$/i.exec(authorization ?? "")?.[1];
    if (token === undefined) return undefined;
    const known = this.members.get(digest(token));
    if (!known || known.expires <= Date.now()) throw invalidCredentials();
    return known;
  }

  private issue(caller: Caller, milliseconds: number, begin = ""): string {
    const token = begin + randomBytes(24).toString("base64url");
    this.members.set(digest(token), { ...caller, expires: Date.now() + milliseconds });
    return token;
  }
}

/** The error for an unknown, expired or unsuitable token. */
export function invalidCredentials(): GoogleError {
  return new GoogleError(
    "UNAUTHENTICATED",
    "Request had invalid authentication credentials. Expected OAuth 2 access token.",
    "authError",
  );
}

/** Comparing digests reveals nothing about a token by timing. */
function digest(token: string): string {
  return hash("sha256", token);
}
