import { ADOPT_KEY, EXISTING } from "../../infra/adoption/existing.ts";
import type { Change, Preview } from "./model.ts";

/** Properties of the provider alone, unknown to Google, so they differ after every import. */
const PROVIDER_ONLY = /^(deletionPolicy|deletionProtection|forceDestroy)$/;

/** Types that get a new credential in the update that imports them, if the configuration says to replace it. */
const CREDENTIAL = /^gcp:(sql\/user|cloudrunv2\/service):/;

/** A change that an update would make to a resource that it imports; an import must not change the resource. */
export interface Obstacle {
  readonly change: Change;
  /** The properties that would change. */
  readonly paths: readonly string[];
}

/** Finds imports that the same update would follow with a change or replacement; the engine itself would not stop. */
export function findObstacles({ changes, config }: Preview): Obstacle[] {
  const renewed = /"credential":\s*"replace"/.test(config[ADOPT_KEY] ?? "");
  return changes.flatMap((change) => {
    if (!change.imported) return [];
    if (change.op === "replace") return [{ change, paths: change.forcedBy }];
    if (renewed && CREDENTIAL.test(change.type)) return [];
    const paths = change.properties.map(({ path }) => path).filter((path) => !PROVIDER_ONLY.test(path));
    return paths.length === 0 ? [] : [{ change, paths }];
  });
}

/**
 * Adds a hint to an engine error if `settlement:adopt` does not match what exists.
 * @param problem Begins with the resource's name and a colon.
 * @param config The stack's configuration, by key.
 */
export function withHint(problem: string, config: Readonly<Record<string, string>>): string {
  const part = EXISTING[/^([\w-]+):/.exec(problem)?.[1] ?? ""]?.part;
  const adopt = config[ADOPT_KEY];
  if (part === undefined || adopt === undefined) return problem;
  const isMissing = adopt.includes(`"${part}"`);
  if (!isMissing && /does not exist|There is no .* to import/.test(problem)) {
    return `${problem}\nIf it does not exist, add ${part} to ${ADOPT_KEY}.missing to create it.`;
  }
  if (isMissing && /already (exists|own)/i.test(problem)) {
    return `${problem}\nIt exists: remove ${part} from ${ADOPT_KEY}.missing to import it.`;
  }
  return problem;
}
