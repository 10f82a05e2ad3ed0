import { randomBytes, randomUUID } from "node:crypto";
import { GoogleError } from "../../rest/errors.ts";
import { etagOf } from "../../rest/etag.ts";
import { shortName } from "../../rest/names.ts";
import { type InstanceTemplate, type Job, now, type Service } from "./resources.ts";
import { violation } from "./limits.ts";

/** A request that changes a service or a job. */
export interface Change {
  /** Such as `user:EMAIL`. */
  readonly caller: string;
  /** Used in defaults. */
  readonly projectNumber: string;
  /** Check the request, but change nothing. */
  readonly validateOnly: boolean;
  /** Throws a GoogleError unless the caller may act as the account. */
  readonly requireAccount: (email: string) => void;
  /** Throws a GoogleError unless the caller may read the template's images. */
  readonly requireImages: (template: Partial<InstanceTemplate>) => void;
}

/** The email in a member such as `user:EMAIL`. */
export function emailOf(member: string): string {
  return member.replace(/^[^:]*:/, "");
}

/** The fields that services and jobs have in common, after a change that is still to be carried out. */
export function nextGeneration(name: string, before: Service | Job | undefined, wanted: object, caller: string) {
  const time = now();
  const email = emailOf(caller);
  return {
    name,
    uid: before?.uid ?? randomUUID(),
    generation: String(Number(before?.generation ?? 0) + 1),
    observedGeneration: before?.observedGeneration ?? "0",
    createTime: before?.createTime ?? time,
    updateTime: time,
    creator: before?.creator ?? email,
    lastModifier: email,
    etag: etagOf(before?.etag, time, wanted),
    reconciling: true,
  };
}

/**
 * @param name Full name of a service or a job.
 * @param longest Maximum length of its last part.
 * @throws GoogleError INVALID_ARGUMENT if Cloud Run refuses its last part.
 */
export function checkName(name: string, field: string, longest: number): void {
  const short = shortName(name);
  if (/^[a-z]([a-z0-9-]*[a-z0-9])?$/.test(short) && short.length <= longest) return;
  throw violation(
    field,
    "Must be lower case letters, digits and hyphens, begin with a letter, not end with a hyphen, and have at most " +
      `${longest} characters.`,
  );
}

/** @throws GoogleError ABORTED if the etag that the client sends is not the current one. */
export function checkEtag({ name, etag }: { name: string; etag: string }, sent: string | undefined): void {
  if (sent === undefined || sent === "" || sent === etag) return;
  throw new GoogleError(
    "ABORTED",
    `Conflict for resource '${shortName(name)}': version '${sent}' was specified but current version is '${etag}'.`,
  );
}

/** The object with only the given fields. */
export function only<T extends object, K extends keyof T>(
  object: T | undefined,
  names: readonly K[],
): Partial<Pick<T, K>> {
  const fields = Object.entries(object ?? {}).filter(([name]) => names.includes(name as K));
  return Object.fromEntries(fields) as Partial<Pick<T, K>>;
}

/** A random suffix of letters and digits without vowels, as in names that Cloud Run generates. */
export function suffix(length: number): string {
  const letters = "bcdfghjklmnpqrstvwxz2456789";
  return [...randomBytes(length)].map((byte) => letters[byte % letters.length]).join("");
}
