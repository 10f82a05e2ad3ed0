import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { ROOT } from "../../ops/engine/stack-file.ts";

/** The parts of a job's step that the tests read. */
export interface Step {
  readonly name?: string;
  readonly if?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, string | number | boolean>>;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Job {
  readonly env?: Readonly<Record<string, string>>;
  readonly strategy?: { readonly matrix: Readonly<Record<string, readonly unknown[]>> };
  readonly if?: string;
  readonly needs?: string;
  readonly environment?: string;
  readonly permissions: Readonly<Record<string, string>>;
  readonly concurrency?: { readonly group: string; readonly "cancel-in-progress": boolean };
  readonly steps: readonly Step[];
}

export interface Workflow {
  readonly env?: Readonly<Record<string, string>>;
  readonly permissions: object;
  readonly jobs: Readonly<Record<string, Job>>;
}

/** The workflows of GitHub Actions. */
export const WORKFLOWS = ["pull-request", "deliver", "nightly"] as const;

/** The text of a workflow. */
export function workflowText(name: string): string {
  return readFileSync(join(ROOT, ".github", "workflows", `${name}.yml`), "utf8");
}

/** A parsed workflow. */
export function workflow(name: string): Workflow {
  return parse(workflowText(name)) as Workflow;
}

/** The parsed cloudbuild.yaml. */
export const CLOUD_BUILD = parse(readFileSync(join(ROOT, "cloudbuild.yaml"), "utf8")) as {
  readonly substitutions: Readonly<Record<string, string>>;
  readonly options: { readonly env?: readonly string[] };
  readonly steps: readonly { readonly id: string; readonly entrypoint: string; readonly args: readonly string[] }[];
};
