/**
 * The numbers of the enums, by first name, whose numbers are not the positions in the discovery documents, from
 * https://github.com/googleapis/googleapis. A shorter list has the numbers that are known.
 */
const NUMBERS: Readonly<Record<string, readonly number[]>> = {
  ALIGN_NONE: [0, 1, 2, 3, 4, 10, 11, 12, 13, 14, 15, 16, 24, 17, 18, 19, 20, 21, 23],
  CRYPTO_KEY_PURPOSE_UNSPECIFIED: [0, 1, 5, 6, 7, 9],
  CRYPTO_KEY_VERSION_ALGORITHM_UNSPECIFIED: [0, 1],
  DEFAULT: [0, 100, 200, 300, 400, 500, 600, 700, 800],
  LAUNCH_STAGE_UNSPECIFIED: [0, 6, 7, 1, 2, 3, 4, 5],
  REDUCE_NONE: [0, 1, 2, 3, 4, 5, 6, 7, 15, 8, 9, 10, 11, 12],
};

/**
 * The name of an enum's number.
 * @param names The enum's names, as the discovery documents list them.
 * @returns Undefined for a number that the enum does not have.
 */
export function enumName(names: readonly string[], number: number): string | undefined {
  const numbers = NUMBERS[names[0] ?? ""];
  return names[numbers ? numbers.indexOf(number) : number];
}
