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

/** The project and the region of the provider's configuration, which complete an id. */
export interface Defaults {
  readonly project: string | undefined;
  readonly region: string | undefined;
}

/** The import ids of a resource type, by their templates. */
export function importIds(...templates: string[]) {
  const parseId = (id: string, defaults?: Defaults) => {
    const exact = templates.map((each) => match(each, id)).find((parts) => parts !== undefined);
    return (
      exact ?? (defaults && templates.map((each) => short(each, id, defaults)).find((parts) => parts !== undefined))
    );
  };
  return { idForms: templates, parseId };
}

/** The parts of an id that leaves out the fixed words of a full name, and the project or the location too: `P/L/NAME`, `L/NAME`, `NAME`. */
function short(template: string, id: string, { project, region }: Defaults): Fields | undefined {
  if (!template.startsWith("projects/{project}/")) return undefined;
  const names = [...template.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? "");
  const given: Fields = { project, location: region, region };
  const forms = [[], ["project"], ["project", "location", "region"]].map((left) =>
    names.filter((name) => !left.includes(name)),
  );
  for (const form of forms) {
    const parts = match(form.map((name) => `{${name}}`).join("/"), id);
    const all = parts && Object.fromEntries(names.map((name) => [name, parts[name] ?? given[name]]));
    if (all && Object.values(all).every((value) => value !== undefined)) return all;
  }
  return undefined;
}

/** Whether two names of a resource, short or full, mean the same. */
export const sameName = (before: unknown, after: unknown) => lastStep(before) === lastStep(after);

/** Whether two links to a resource, a full name or any URL with it, mean the same. */
export const sameLink = (before: unknown, after: unknown) => fullName(before) === fullName(after);

function fullName(link: unknown): string {
  return String(link).replace(/^.*?(?=projects\/)/, "");
}

/** The part of a name after its last slash. */
export function lastStep(name: unknown): string {
  return String(name).split("/").at(-1) ?? "";
}
