import type { Fields } from "../fields.ts";

/**
 * Fills in a template such as `projects/{project}/secrets/{secretId}`. A value may contain slashes.
 * @throws Error if a property has no value.
 */
export function expand(template: string, values: Fields): string {
  return template.replace(/\{(\w+)\}/g, (_match, name: string) => {
    const value = values[name];
    if (typeof value !== "string") throw new Error(`property "${name}" is not set, but ${template} needs it`);
    return encodeURI(value).replace(/[?#]/g, encodeURIComponent);
  });
}

/** Reads the properties from a text; undefined if it does not match the template. */
export function match(template: string, text: string): Fields | undefined {
  const names = [...template.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? "");
  const pattern = template.replace(/\{\w+\}/g, "([^/ ]+)");
  const values = new RegExp(`^${pattern}$`).exec(text)?.slice(1);
  return values && Object.fromEntries(names.map((name, index) => [name, values[index]]));
}

/** The import ids of a resource type, by their templates. */
export function importIds(...templates: string[]) {
  const parseId = (id: string) => templates.map((each) => match(each, id)).find((parts) => parts !== undefined);
  return { idForms: templates, parseId };
}

/** Whether two names of a resource, short or full, mean the same. */
export const sameName = (before: unknown, after: unknown) => lastStep(before) === lastStep(after);

/** The part of a name after its last slash. */
export function lastStep(name: unknown): string {
  return String(name).split("/").at(-1) ?? "";
}
