/** An enum, as the discovery documents list its names. */
export interface Enum {
  readonly enum: readonly string[];
  /** The numbers of the names, if they are not their positions; null for a name whose number is not public. */
  readonly numbers?: readonly (number | null)[];
}

/** The name of an enum's number; undefined for a number that the enum does not have. */
export function nameOf({ enum: names, numbers }: Enum, number: number): string | undefined {
  return names[numbers ? numbers.indexOf(number) : number];
}

/** The number of an enum's name; a name whose number is not known stays a name, which clients read too. */
export function numberOf({ enum: names, numbers }: Enum, name: unknown): unknown {
  const position = names.indexOf(String(name));
  return position < 0 ? name : ((numbers ? numbers[position] : position) ?? name);
}
