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
  const [, address = "", length = ""] = /^(\d{1,3}(?:\.\d{1,3}){3})\/(\d{1,2})$/.exec(text) ?? [];
  const bytes = address.split(".").map(Number);
  if (address === "" || Number(length) > 32 || bytes.some((byte) => byte > 255)) return false;
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0) % 2 ** (32 - Number(length)) === 0;
}
