import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Answers, type AuditReport, unanswered } from "./audit/findings.ts";
import { run } from "./terminal/run.ts";
import { ROOT } from "./engine/stack-file.ts";
import { UserError } from "./terminal/user-error.ts";

const HELP = `npm run audit

Asks the registry for advisories about the production packages in package-lock.json. Each advisory needs an answer in
ops/audit/answers.json, by its id, with a reason and the last day on which the answer is valid:

  { "GHSA-xxxx-xxxx-xxxx": { "reason": "Only reached by ...", "until": "2027-03-31" } }

  --help  this text
`;

run(HELP, async () => {
  parseArgs({});
  const { stdout } = spawnSync("npm", ["audit", "--omit=dev", "--json"], {
    cwd: ROOT,
    encoding: "utf8",
  });
  const answers = JSON.parse(readFileSync(join(ROOT, "ops", "audit", "answers.json"), "utf8")) as Answers;
  const open = unanswered(reportOf(stdout), answers, new Date());
  if (open.length > 0) throw new UserError(`Answer in ops/audit/answers.json:\n${open.join("\n")}`);
  console.log(`No open advisories; ${Object.keys(answers).length} answered.`);
  return Promise.resolve();
});

/** @throws UserError if npm got no report. */
function reportOf(stdout: string): AuditReport {
  let answer: Partial<AuditReport> & { message?: string } = {};
  try {
    answer = JSON.parse(stdout) as typeof answer;
  } catch {
    // reported below
  }
  const { message, vulnerabilities } = answer;
  if (vulnerabilities) return { vulnerabilities };
  throw new UserError(`The registry did not answer with advisories${message === undefined ? "" : `: ${message}`}.`);
}
