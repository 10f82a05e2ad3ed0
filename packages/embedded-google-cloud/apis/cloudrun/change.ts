import { randomBytes, randomUUID } from "node:crypto";
import { GoogleError } from "../../rest/errors.ts";
import { etagOf } from "../../rest/etag.ts";
import { shortName } from "../../rest/names.ts";
import { type Job, now, type Service } from "./resources.ts";
import { violation } from "./template.ts";

/** Who changes a service or a job, and how. */
export interface Change {
  /** Such as `user:EMAIL`. */
  readonly caller: string;
  /** The project's number, for defaults. */
  readonly projectNumber: string;
  /** Checks everything and changes nothing. */
  readonly validateOnly: boolean;
  /** Asked whether the caller may let something run as an account. */
  readonly requireAccount: (email: string) => void;
}

/** The email of a member, such as `user:EMAIL`. */
export function emailOf(member: string): string {
  return member.replace(/^[^:]*:/, "");
}

/** What a change makes of the fields that services and jobs have in common; nothing has been done for it yet. */
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
 * @param longest Most characters of its last part.
 * @throws GoogleError INVALID_ARGUMENT where Cloud Run would not take its last part.
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

/** @throws GoogleError ABORTED where the client read another version than the current one. */
export function checkEtag({ name, etag }: { name: string; etag: string }, sent: string | undefined): void {
  if (sent === undefined || sent === "" || sent === etag) return;
  throw new GoogleError(
    "ABORTED",
    `Conflict for resource '${shortName(name)}': version '${sent}' was specified but current version is '${etag}'.`,
  );
}

/** Some fields of an object, those it has. */
export function only<T extends object, K extends keyof T>(
  object: T | undefined,
  names: readonly K[],
): Partial<Pick<T, K>> {
  const fields = Object.entries(object ?? {}).filter(([name]) => names.includes(name as K));
  return Object.fromEntries(fields) as Partial<Pick<T, K>>;
}

/** Letters and digits without vowels, as at the end of the names Cloud Run makes. */
export function suffix(length: number): string {
  const letters = "bcdfghjklmnpqrstvwxz2456789";
  return [...randomBytes(length)].map((byte) => letters[byte % letters.length]).join("");
}
