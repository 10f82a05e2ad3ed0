import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../ops/engine/stack-file.ts";

/** The path of the real gcloud; undefined if it is not installed. */
export const GCLOUD = spawnSync("sh", ["-c", "command -v gcloud"], { encoding: "utf8" }).stdout.trim() || undefined;

/**
 * Makes a `gcloud` that runs the real one, except for `gcloud run services update`: see `gcloud-run.mjs`.
 * @param folder A folder to write it into.
 * @returns A PATH that finds it first.
 */
export function gcloudPath(folder: string): string {
  mkdirSync(folder, { recursive: true });
  const real = GCLOUD ?? "gcloud";
  const script = join(ROOT, "test", "e2e", "gcloud-run.mjs");
  const lines = [
    "#!/bin/sh",
    `[ "$1 $2 $3" = "run services update" ] && exec '${process.execPath}' '${script}' '${real}' "$@"`,
    `exec '${real}' "$@"`,
    "",
  ];
  writeFileSync(join(folder, "gcloud"), lines.join("\n"), { mode: 0o755 });
  return `${folder}:${process.env.PATH ?? ""}`;
}
