/** https://cloud.google.com/resource-manager/docs/labels-overview#requirements */
const MOST = 64;
const KEY = /^[\p{Ll}\p{Lo}][\p{Ll}\p{Lo}\p{N}_-]{0,62}$/u;
const VALUE = /^[\p{Ll}\p{Lo}\p{N}_-]{0,63}$/u;
const CHARACTERS = "at most 63 lower case letters, digits, underscores and hyphens.";

/**
 * What is wrong with labels, as the end of a sentence; undefined if nothing is.
 * @param isSpecial Keys that a service accepts besides the usual ones. None by default.
 */
export function faultOfLabels(labels: unknown = {}, isSpecial = (_key: string) => false): string | undefined {
  const entries = Object.entries(labels ?? {});
  if (entries.length > MOST) return `must have at most ${MOST} entries.`;
  for (const [key, value] of entries) {
    if (!KEY.test(key) && !isSpecial(key)) {
      return `the key "${key}" must begin with a lower case letter, and have ${CHARACTERS}`;
    }
    if (!VALUE.test(String(value))) return `the value "${String(value)}" must have ${CHARACTERS}`;
  }
  return undefined;
}
