import { createHash } from "node:crypto";

/** An etag that changes with the values: eight bytes in Base64, which survive decoding and encoding by a client. */
export function etagOf(...values: unknown[]): string {
  return createHash("sha256").update(JSON.stringify(values)).digest().subarray(0, 8).toString("base64");
}
