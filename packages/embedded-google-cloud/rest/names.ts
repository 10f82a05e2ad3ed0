/** Parts of a full name, such as `projects/P/locations/L/services/S`. */

/** What follows the last slash of a name, a path or a URL; the whole where it has none. */
export function shortName(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

/** The project, by id or number. */
export function projectOf(name: string): string {
  return name.split("/")[1] ?? "";
}

/** `projects/P/locations/L`. */
export function parentOf(name: string): string {
  return name.split("/").slice(0, 4).join("/");
}
