import type { Facts } from "./facts.ts";

/** One question about the live environment, and how its answer is judged. */
export interface Check {
  /** Short name, by which others refer to it. */
  readonly id: string;
  /** What is looked at, for people. */
  readonly title: string;
  /** Ids of the checks whose finding explains this one's: a finding is then a consequence. */
  readonly causes: readonly string[];
  /** @throws NotVisible where it cannot be seen. */
  readonly look: (facts: Facts) => Promise<Judgement>;
}

/** What a check says of what it saw. Nothing in it is a credential. */
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
