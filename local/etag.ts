import { createHash } from "node:crypto";

/** An etag that changes whenever one of the values does. */
export function etagOf(...values: unknown[]): string {
  return `${createHash("sha256").update(JSON.stringify(values)).digest("base64").slice(0, 11)}=`;
}
