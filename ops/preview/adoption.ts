import type { Change, Preview } from "./model";

/** What the provider keeps to itself: Google does not know it, so it differs after every import. */
const OWN = /^(deletionPolicy|deletionProtection|forceDestroy)$/;

/** Where the configuration says that no credential works, these get one in the update that imports them. */
const CREDENTIAL = /^gcp:(sql\/user|cloudrunv2\/service):/;

/** What an update would do to a resource that it imports: an import must leave it as it is. */
export interface Obstacle {
  readonly change: Change;
  /** The properties in the way. */
  readonly paths: readonly string[];
}

/**
 * Finds imports that are followed by a change of what was imported. The engine does not stop there: it imports, and goes
 * on to change or replace in the same update.
 */
export function findObstacles({ changes, config }: Preview): Obstacle[] {
  const renewed = /"credential":\s*"replace"/.test(config["settlement:adopt"] ?? "");
  return changes.flatMap((change) => {
    if (!change.imported) return [];
    if (change.op === "replace") return [{ change, paths: change.forcedBy }];
    if (renewed && CREDENTIAL.test(change.type)) return [];
    const paths = change.properties.map(({ path }) => path).filter((path) => !OWN.test(path));
    return paths.length === 0 ? [] : [{ change, paths }];
  });
}
