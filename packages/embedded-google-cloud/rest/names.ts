/** The part of a name, path or URL after its last slash. */
export function shortName(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

/** The project, by id or number, in a name such as `projects/P/locations/L/services/S`. */
export function projectOf(name: string): string {
  return name.split("/")[1] ?? "";
}

/** The location, such as `projects/P/locations/L`, in a longer name. */
export function parentOf(name: string): string {
  return name.split("/").slice(0, 4).join("/");
}
