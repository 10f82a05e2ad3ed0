/** What stands in place of a secret, whatever its value. */
export const SECRET = "[secret]";

/** What stands in place of a value that is known only once the update has run. */
export const UNKNOWN = "[known after the update]";

/** How the engine marks values that are more than JSON: sdk/go/common/resource/sig.go in pulumi/pulumi. */
export const SIGNATURE = "4dabf18193072939515e22adb298388d";
export const SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270";
const UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** Names of properties that hold a credential; blanked even where a program forgot to mark them as secret. */
const CREDENTIAL = /^(.*password.*|.*private_?key.*|secret_?data.*|.*token|client_?secret)$/i;

/** Longer values are cut. */
const LONGEST = 300;

/** A resource's properties by path, each as it is shown. */
export type Leaves = ReadonlyMap<string, string>;

/**
 * Takes a resource's inputs apart into paths such as `settings.tier`. Lists whose elements have one are told apart by
 * name or version, `databaseFlags[log_statement].value`, so that an insertion is not a change of everything behind it.
 * @param inputs As the engine's events have them, secrets already blanked by the engine.
 */
export function leaves(inputs: Readonly<Record<string, unknown>>): Leaves {
  const found = new Map<string, string>();
  const walk = (path: string, name: string, value: unknown) => {
    const shown = CREDENTIAL.test(name) && typeof value === "string" && value !== UNKNOWN_TEXT ? SECRET : show(value);
    if (shown !== undefined) found.set(path, shown);
    else if (Array.isArray(value)) {
      const keys = elementKeys(value);
      value.forEach((element, index) => {
        walk(`${path}[${keys[index] ?? index}]`, name, element);
      });
    } else {
      for (const [key, inner] of Object.entries(value as object)) {
        if (!key.startsWith("__")) walk(path === "" ? key : `${path}.${key}`, key, inner);
      }
    }
  };
  if (Object.keys(inputs).length > 0) walk("", "", inputs);
  return found;
}

/** A value that is not taken apart, or undefined for lists and objects that are. */
function show(value: unknown): string | undefined {
  if (value === UNKNOWN_TEXT) return UNKNOWN;
  if (typeof value !== "object" || value === null) return cut(printable(JSON.stringify(value ?? null)));
  const object = value as Record<string, unknown>;
  if (object[SIGNATURE] === SECRET_SIGNATURE) return SECRET;
  if (SIGNATURE in object) {
    return typeof object.hash === "string" ? `content ${object.hash.slice(0, 12)}` : UNKNOWN;
  }
  if (Object.keys(object).length > 0) return undefined;
  return Array.isArray(value) ? "[]" : "{}";
}

function elementKeys(list: readonly unknown[]): readonly string[] {
  const named = ["name", "version"].map((key) =>
    list.map((element) => (element as Record<string, unknown> | null)?.[key]),
  );
  const usable = named.find(
    (names): names is string[] =>
      names.every((name) => typeof name === "string" && /^[\w.-]+$/.test(name)) && new Set(names).size === names.length,
  );
  return usable ?? list.map((_, index) => String(index));
}

/**
 * Makes a text safe to show anywhere: no control or direction-changing characters, and no password inside a URL.
 * @param text Any text.
 */
export function printable(text: string): string {
  return text
    .replace(/(:\/\/[^\s:@/"']*:)[^\s@/"']+@/g, `$1${SECRET}@`)
    .replace(
      /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
      (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`,
    );
}

/**
 * Cuts a text that is too long to show.
 * @param text Any text.
 * @param longest Its length at most, in UTF-16 code units.
 */
export function cut(text: string, longest = LONGEST): string {
  if (text.length <= longest) return text;
  const pair = /[\uD800-\uDBFF]$/.test(text.slice(0, longest)); // half of a character may not be left over
  return `${text.slice(0, longest - (pair ? 1 : 0))}…`;
}
