import { z } from "zod";

/**
 * Describes a key, for `docs/CONFIGURATION.md` and editors.
 * @param effect Sentences in Markdown.
 * @param example A valid value.
 */
export function key<Key extends z.ZodType>(effect: string, example: unknown, schema: Key): Key {
  return schema.meta({ description: effect, examples: [example] });
}

/** A whole number. */
export function whole(from: number, to: number) {
  const expected = `a whole number from ${from} to ${to}`;
  return z.number(expected).int(expected).min(from, expected).max(to, expected).meta({ title: expected });
}

/** A text. @param expected What an error says is expected, such as `an image`. */
export function pattern(form: RegExp, expected: string) {
  return z.string(expected).regex(form, expected).meta({ title: expected });
}

/** A boolean. */
export function flag() {
  return z.boolean("true or false");
}
