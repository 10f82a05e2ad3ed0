const REGION = /^[a-z]+(?:-[a-z]+)+[0-9]+$/;
const ZONE = /^([a-z]+(?:-[a-z]+)+[0-9]+)-[a-z]$/;

/** Whether a text has the form of a region, such as `us-central1`. */
export function isRegion(text: string): boolean {
  return REGION.test(text);
}

/** The region of a zone: `us-central1` for `us-central1-a`; undefined if the text is not a zone. */
export function regionOfZone(text: string): string | undefined {
  return ZONE.exec(text)?.[1];
}

/** Whether a text is an address range such as `10.8.0.0/24`, without host bits. */
export function isRange(text: string): boolean {
  return readRange(text) !== undefined;
}

/** The first address of a range as a number, and how many it has; undefined if {@link isRange} is false. */
function readRange(text: string): { readonly start: number; readonly size: number } | undefined {
  const [, address = "", length = ""] = /^(\d{1,3}(?:\.\d{1,3}){3})\/(\d{1,2})$/.exec(text) ?? [];
  const bytes = address.split(".").map(Number);
  if (address === "" || Number(length) > 32 || bytes.some((byte) => byte > 255)) return undefined;
  const start = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  const size = 2 ** (32 - Number(length));
  return start % size === 0 ? { start, size } : undefined;
}

/**
 * The first address of a free range in 10.0.0.0/8; undefined if there is none.
 * @param used The used ranges, such as `10.8.0.0/24`.
 */
export function freeRange(prefixLength: number, used: readonly string[]): string | undefined {
  const taken = used.flatMap((range) => readRange(range) ?? []);
  const [first, end, size] = [10 * 2 ** 24, 11 * 2 ** 24, 2 ** (32 - prefixLength)];
  for (let start = first; start + size <= end; start += size) {
    if (taken.some((range) => start < range.start + range.size && range.start < start + size)) continue;
    return [24, 16, 8, 0].map((shift) => (start >>> shift) & 255).join(".");
  }
  return undefined;
}
