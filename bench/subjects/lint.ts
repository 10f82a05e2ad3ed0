import { passes } from "../../ops/lint/finding.ts";
import { lintAndReplay } from "../../ops/migration/replay.ts";

// Lints and replays the folder of migrations that the argument names.

const findings = await lintAndReplay(process.argv[2] ?? "");
if (!passes(findings)) throw new Error(JSON.stringify(findings));
