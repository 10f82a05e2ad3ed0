import type { Case } from "./case.ts";

/** Programs of people who have never seen this project, by subject. */
export const strangers: readonly Case[] = [];
