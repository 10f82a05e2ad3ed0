import { createHash } from "node:crypto";

/** An etag that changes whenever one of the values does: eight bytes in Base64, which a client may decode and encode anew. */
export function etagOf(...values: unknown[]): string {
  return createHash("sha256").update(JSON.stringify(values)).digest().subarray(0, 8).toString("base64");
}
