import { join } from "node:path";
import { ROOT } from "../engine/stack-file.ts";

/** The measurements of every configuration, as {@link Results}. */
export const RESULTS = join(ROOT, "docs", "benchmarks", "load.json");

/** Their plot. */
export const PLOT = join(ROOT, "docs", "benchmarks", "load.svg");

/** The document with their tables. */
export const DOCUMENT = join(ROOT, "docs", "CAPACITY.md");
