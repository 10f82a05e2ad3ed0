import type { Facts } from "./facts.ts";

/** One check of the live environment. */
export interface Check {
  /** Short name for `causes`, JSON and the log. */
  readonly id: string;
  /** Shown to people. */
  readonly title: string;
  /** Ids of the checks whose finding explains this one's, which is then a consequence. */
  readonly causes: readonly string[];
  /** @throws NotVisible if it cannot be checked. */
  readonly look: (facts: Facts) => Promise<Judgement>;
}

/** The result of a check; never contains a credential. */
export type Judgement =
  | { readonly verdict: "ok"; readonly found: string }
  | {
      readonly verdict: "finding";
      readonly found: string;
      /** A command to paste. */
      readonly fix: string;
    };

export function ok(found: string): Judgement {
  return { verdict: "ok", found };
}

/** @param fix A command to paste. */
export function finding(found: string, fix: string): Judgement {
  return { verdict: "finding", found, fix };
}
