import { ADOPT_KEY, EXISTING } from "../../infra/adoption/existing.ts";
import type { Change, Preview } from "./model.ts";

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
  const renewed = /"credential":\s*"replace"/.test(config[ADOPT_KEY] ?? "");
  return changes.flatMap((change) => {
    if (!change.imported) return [];
    if (change.op === "replace") return [{ change, paths: change.forcedBy }];
    if (renewed && CREDENTIAL.test(change.type)) return [];
    const paths = change.properties.map(({ path }) => path).filter((path) => !OWN.test(path));
    return paths.length === 0 ? [] : [{ change, paths }];
  });
}

/**
 * Adds to a problem of the engine what the configuration should say instead, where it does not fit what is there.
 * @param problem Begins with the resource's name and a colon.
 * @param config The stack's configuration, by key.
 */
export function withHint(problem: string, config: Readonly<Record<string, string>>): string {
  const part = EXISTING[/^([\w-]+):/.exec(problem)?.[1] ?? ""]?.part;
  const adopt = config[ADOPT_KEY];
  if (part === undefined || adopt === undefined) return problem;
  const isMissing = adopt.includes(`"${part}"`);
  if (!isMissing && /does not exist|There is no .* to import/.test(problem)) {
    return `${problem}\nIf it was never made, add ${part} to ${ADOPT_KEY}.missing; it is made then.`;
  }
  if (isMissing && /already (exists|own)/i.test(problem)) {
    return `${problem}\nIt is there: remove ${part} from ${ADOPT_KEY}.missing; it is imported then.`;
  }
  return problem;
}
