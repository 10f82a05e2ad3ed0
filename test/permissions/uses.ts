import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Identity } from "../../ops/bootstrap/target.ts";

/** Permissions as the verbs of each resource, such as `{"run.services": "get update"}`. */
export type Verbs = Readonly<Record<string, string>>;

/** The permissions that the pipelines' identities use in one test. */
export type Uses = Readonly<Record<Identity, Verbs>>;

const FILE = join(import.meta.dirname, "uses.json");

/** What each end-to-end test uses in its long form, by the test's path. */
export function recordedUses(): Readonly<Record<string, Uses>> {
  return JSON.parse(readFileSync(FILE, "utf8")) as Record<string, Uses>;
}

/** Replaces what one test uses. */
export function recordUses(test: string, uses: Uses): void {
  const all = Object.entries({ ...recordedUses(), [test]: uses }).sort(([one], [other]) => (one < other ? -1 : 1));
  writeFileSync(FILE, `${JSON.stringify(Object.fromEntries(all), undefined, 2)}\n`);
}

/** The permissions in a table. */
export function permissionsOf(verbs: Verbs): string[] {
  return Object.entries(verbs).flatMap(([resource, names]) => names.split(" ").map((verb) => `${resource}.${verb}`));
}

/** The table of some permissions. */
export function verbsOf(permissions: Iterable<string>): Verbs {
  const split = [...new Set(permissions)].sort().map((permission) => {
    const end = permission.lastIndexOf(".");
    return { resource: permission.slice(0, end), verb: permission.slice(end + 1) };
  });
  const entries = Array.from(
    Map.groupBy(split, ({ resource }) => resource),
    ([resource, all]) => [resource, all.map(({ verb }) => verb).join(" ")],
  );
  return Object.fromEntries(entries) as Verbs;
}
