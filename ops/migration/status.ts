import type { Stack } from "@pulumi/pulumi/automation";
import type { Migration } from "../../infra/migrations/files";
import type { SchemaState } from "../../infra/migrations/importer";

/** Where a version stands: what the stack applied, compared with the files of this checkout. */
export interface VersionStatus {
  readonly version: string;
  readonly file: string;
  /** `edited`: applied, and the file is another now. `missing`: applied, and this checkout has no such file. */
  readonly status: "applied" | "pending" | "edited" | "missing";
  /** When it was applied, ISO 8601; undefined where it is pending. */
  readonly at?: string;
  /** The backup that was taken before. */
  readonly backup?: string;
}

/** The part of an exported state that is read here. */
interface Deployment {
  readonly resources?: readonly { urn: string; type: string; outputs: SchemaState }[];
}

/** The schema as the stack's state has it; undefined where none was applied yet. */
export async function appliedSchema(stack: Stack): Promise<{ urn: string; outputs: SchemaState } | undefined> {
  const exported = await stack.exportStack();
  const { resources = [] } = exported.deployment as Deployment;
  return resources.find(({ type }) => type.endsWith(":ImportedSchema"));
}

/**
 * Compares what is applied with the files of a checkout.
 * @param state The schema in the stack's state.
 * @param files The files of the checkout.
 */
export function statusOf(state: SchemaState | undefined, files: readonly Migration[]): VersionStatus[] {
  const applied = new Map(state?.migrations.map((migration) => [migration.version, migration]));
  const here = new Map(files.map((migration) => [migration.version, migration]));
  return [...new Set([...applied.keys(), ...here.keys()])].sort().map((version) => {
    const done = applied.get(version);
    const file = here.get(version);
    const name = (file ?? done)?.file ?? version;
    if (!done) return { version, file: name, status: "pending" };
    const status = !file ? "missing" : file.checksum === done.checksum ? "applied" : "edited";
    return { version, file: name, status, ...state?.applied?.[version] };
  });
}

/** One line a version, and where they come from. */
export function formatStatus(versions: readonly VersionStatus[]): string {
  const lines = versions.map(({ version, status, at = "", backup, file }) => {
    const how = at && `${at.slice(0, 19)}Z  backup ${backup ?? "unknown"}`;
    return `${version}  ${status.padEnd(8)}  ${how.padEnd(42)}  ${file}`.trimEnd();
  });
  return [...lines, "As the stack's state has it; the database itself was not asked."].join("\n");
}
