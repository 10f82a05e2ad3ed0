import { type Finding as LintFinding, passes } from "../lint/finding.ts";
import type { SchemaDrift } from "../migration/drift.ts";
import { findObstacles } from "./adoption.ts";
import type { Origin } from "./origin.ts";
import type { LaterSetting } from "./later.ts";
import type { Loss } from "./guard.ts";
import type { Dependencies } from "./mermaid.ts";
import type { HeldBack, MigrationStep } from "./migrations.ts";
import type { DisabledApi } from "./disabled-apis.ts";
import type { Outside } from "./outside.ts";
import type { Preview } from "./model.ts";

/** The content of a preview. */
export interface Report {
  /** The stack's name. */
  readonly stack: string;
  /** Where the preview was made, for its commit and the next step; neither is shown without it. */
  readonly origin?: Origin | undefined;
  /** Whether the state is a snapshot or empty, not the stack's own. */
  readonly offline: boolean;
  /** The snapshot's commit, time and age. */
  readonly snapshot?: { readonly commit: string; readonly time: string; readonly age: string } | undefined;
  /** Whether the state was refreshed from the cloud. */
  readonly refreshed: boolean;
  /** The APIs that a refresh must enable before it can read the rest; empty if it could read everything. */
  readonly disabled: readonly DisabledApi[];
  /** What was changed outside the stack, as far as it can be seen without a refresh. */
  readonly outside: readonly Outside[];
  /** How the live schema differs from what the applied versions make, or why it was not compared; undefined if not asked. */
  readonly schema?: SchemaDrift | NotCompared | undefined;
  readonly preview: Preview;
  readonly losses: readonly Loss[];
  readonly migrations: readonly MigrationStep[];
  /** The migrations that the configuration leaves out. */
  readonly held?: HeldBack | undefined;
  /** Lint findings in the migration files; empty if none is pending. */
  readonly lint: readonly LintFinding[];
  /** The settings that change after adoption. */
  readonly later: readonly LaterSetting[];
  readonly dependencies: Dependencies;
}

/** A schema that could not be compared. */
export interface NotCompared {
  /** A sentence. */
  readonly why: string;
}

/** Whether the update is blocked. */
export function isBlocked({ lint, losses, preview }: Report): boolean {
  return (
    preview.problems.length > 0 ||
    !passes(lint) ||
    preview.findings.some(({ mandatory }) => mandatory) ||
    findObstacles(preview).length > 0 ||
    losses.some(({ allowed }) => !allowed)
  );
}
