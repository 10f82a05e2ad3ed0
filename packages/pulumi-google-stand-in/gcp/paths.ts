import type { Fields } from "../fields.ts";

/** Paths and ids with properties in them, such as `projects/{project}/secrets/{secretId}`. */

/**
 * Fills a template in. A value may be a whole path itself.
 * @throws Error where a property has no value.
 */
export function expand(template: string, values: Fields): string {
  return template.replace(/\{(\w+)\}/g, (_match, name: string) => {
    const value = values[name];
    if (typeof value !== "string") throw new Error(`property "${name}" is not set, which ${template} needs`);
    return encodeURI(value).replace(/[?#]/g, encodeURIComponent);
  });
}

/**
 * Reads the properties out of a text.
 * @returns Undefined where the text has another form.
 */
export function match(template: string, text: string): Fields | undefined {
  const names = [...template.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? "");
  const pattern = template.replace(/\{\w+\}/g, "([^/ ]+)");
  const values = new RegExp(`^${pattern}$`).exec(text)?.slice(1);
  return values && Object.fromEntries(names.map((name, index) => [name, values[index]]));
}

/** What follows the last slash: the name in a resource's full name, or the name itself. */
export function lastStep(name: unknown): string {
  return String(name).split("/").at(-1) ?? "";
}
