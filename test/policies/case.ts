import type { Declared } from "./declare.ts";

/** A row: a policy, a program that violates it, the message, and a sound program like it, about which no policy complains. */
export interface Case {
  readonly policy: string;
  readonly title: string;
  readonly breaks: readonly Declared[];
  readonly says: RegExp;
  readonly passes: readonly Declared[];
}
