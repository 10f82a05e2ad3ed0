/** Private IPv4 ranges. Pure and without imports. */

/** A range of addresses. */
export interface Range {
  /** The first address, such as `10.8.0.0`. */
  readonly address: string;
  /** Length of the prefix, from 0 to 32. */
  readonly prefix: number;
  /** The first and the last address, as numbers. */
  readonly first: number;
  readonly last: number;
}

/** https://datatracker.ietf.org/doc/html/rfc1918#section-3 */
const PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];

/** Parses a range such as `10.8.0.0/24`; undefined if it is malformed or has host bits set. */
export function parseRange(text: string): Range | undefined {
  const [, address = "", length = ""] = /^(\d{1,3}(?:\.\d{1,3}){3})\/(\d{1,2})$/.exec(text) ?? [];
  const bytes = address.split(".").map(Number);
  const prefix = Number(length);
  if (address === "" || prefix > 32 || bytes.some((byte) => byte > 255)) return undefined;
  const first = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  const size = 2 ** (32 - prefix);
  return first % size === 0 ? { address, prefix, first, last: first + size - 1 } : undefined;
}

/** Whether a range lies within the private ranges of RFC 1918. */
export function isPrivate(range: Range): boolean {
  return PRIVATE.some((text) => {
    const outer = parseRange(text);
    return outer !== undefined && outer.first <= range.first && range.last <= outer.last;
  });
}

/** Whether two ranges have an address in common. */
export function overlap(one: Range, other: Range): boolean {
  return one.first <= other.last && other.first <= one.last;
}
