import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A place that was looked at: its name, and what it holds. */
export type Place = readonly [name: string, text: string];

/**
 * The forms in which a text may lie somewhere: as it is, URL-encoded, and in Base64, wherever it begins in what was
 * encoded.
 */
export function formsOf(text: string): string[] {
  const bytes = Buffer.from(text);
  const encoded = [0, 1, 2].flatMap((before) => {
    // Characters that also carry bits of what stands before or behind are left out.
    const [from, to] = [Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6)];
    const whole = Buffer.concat([Buffer.alloc(before), bytes])
      .toString("base64")
      .slice(from, to);
    return [whole, whole.replaceAll("+", "-").replaceAll("/", "_")];
  });
  return [...new Set([text, encodeURIComponent(text), ...encoded])];
}

/** Names of the places that hold one of the secrets in any form. */
export function holders(places: readonly Place[], secrets: readonly string[]): string[] {
  const forms = secrets.flatMap(formsOf);
  return places.filter(([, text]) => forms.some((form) => text.includes(form))).map(([name]) => name);
}

/** Every file below a folder, by its path from there. */
export function filesBelow(folder: string): Place[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => [file.slice(folder.length), readFileSync(file, "latin1")]);
}

/**
 * Arguments and environment of every process of this user that can be seen, other than of a service of Cloud Run's: its
 * environment is where `DATABASE_URL` belongs. Empty where there is no /proc.
 */
export function processes(): Place[] {
  const ids = readdirSync("/proc", { encoding: "utf8" }).filter((name) => /^\d+$/.test(name));
  return ids.flatMap((id): Place[] => {
    try {
      const [args, environment] = ["cmdline", "environ"].map((file) =>
        readFileSync(join("/proc", id, file), "latin1").replaceAll("\0", "\n"),
      );
      const name = `${id} ${args?.split("\n").slice(0, 3).join(" ") ?? ""}`;
      const isService = /^K_SERVICE=/m.test(environment ?? "");
      return [
        [`arguments of ${name}`, args ?? ""],
        ...(isService ? [] : [[`environment of ${name}`, environment ?? ""] as const]),
      ];
    } catch {
      return []; // somebody else's, or it has ended
    }
  });
}
