import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A place that may contain a secret: its name, and its content. */
export type Place = readonly [name: string, text: string];

/** The forms in which a text may appear: plain, URL-encoded, and in Base64 at any offset of the encoded data. */
export function formsOf(text: string): string[] {
  const bytes = Buffer.from(text);
  const encoded = [0, 1, 2].flatMap((before) => {
    // Without the characters that also encode bits of the neighbouring bytes.
    const [from, to] = [Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6)];
    const whole = Buffer.concat([Buffer.alloc(before), bytes])
      .toString("base64")
      .slice(from, to);
    return [whole, whole.replaceAll("+", "-").replaceAll("/", "_")];
  });
  return [...new Set([text, encodeURIComponent(text), ...encoded])];
}

/** Names of the places that contain one of the secrets in any form. */
export function holders(places: readonly Place[], secrets: readonly string[]): string[] {
  const forms = secrets.flatMap(formsOf);
  return places.filter(([, text]) => forms.some((form) => text.includes(form))).map(([name]) => name);
}

/** Every file below a folder, by its relative path. */
export function filesBelow(folder: string): Place[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => [file.slice(folder.length), readFileSync(file, "latin1")]);
}

/**
 * Arguments and environment of this user's processes, except the environment of Cloud Run services, which contains
 * `DATABASE_URL` on purpose.
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
      return []; // another user's, or it has ended
    }
  });
}
