/** Shown in place of a secret. */
export const SECRET = "[secret]";

/** Shown in place of a value that is known only after the update. */
export const UNKNOWN = "[known after the update]";

/** How the engine marks special values in JSON: sdk/go/common/resource/sig.go in pulumi/pulumi. */
export const SIGNATURE = "4dabf18193072939515e22adb298388d";
export const SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270";
const UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** Properties that hold a credential; masked even if the program did not mark them as secret. */
const CREDENTIAL = /^(.*password.*|.*private_?key.*|secret_?data.*|.*token|client_?secret)$/i;

/** A resource's properties as displayed, by path. */
export type Leaves = ReadonlyMap<string, string>;

/**
 * Flattens a resource's inputs into paths such as `settings.tier`. List elements are keyed by name or version if they have
 * one, as in `databaseFlags[log_statement].value`, so that an insertion does not change every later element.
 * @param inputs From the engine's events, with secrets masked by the engine.
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

/** The displayed value; undefined for lists and objects that are flattened. */
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

/** Makes a text safe to print: escapes control and bidirectional characters, and masks passwords in URLs. */
export function printable(text: string): string {
  return text
    .replace(/(:\/\/[^\s:@/"']*:)[^\s@/"']+@/g, `$1${SECRET}@`)
    .replace(
      /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
      (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`,
    );
}

/**
 * Truncates a text.
 * @param longest In UTF-16 code units.
 */
export function cut(text: string, longest = 300): string {
  if (text.length <= longest) return text;
  const pair = /[\uD800-\uDBFF]$/.test(text.slice(0, longest)); // do not split a surrogate pair
  return `${text.slice(0, longest - (pair ? 1 : 0))}…`;
}
