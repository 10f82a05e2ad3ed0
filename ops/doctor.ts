import { join } from "node:path";
import { parseArgs } from "node:util";
import { readMigrations } from "../infra/migrations/files.ts";
import {
  CONNECTION_STRING_SECRET,
  DATABASE,
  DOCTOR_LOG,
  LOGINS,
  migrationsBucket,
  PASSWORD_SECRET,
  SERVICE,
} from "../infra/names.ts";
import { CHECKS } from "./doctor/checks.ts";
import { diagnose, exitCode } from "./doctor/diagnosis.ts";
import { Facts } from "./doctor/facts.ts";
import { writeEntry } from "./doctor/log.ts";
import { CannotInspect, RestReader, NotVisible } from "./google/reader.ts";
import { generatedPassword } from "./doctor/state.ts";
import { render } from "./doctor/table.ts";
import { locate, OPTIONS } from "./engine/target.ts";
import { run } from "./terminal/run.ts";

const HELP = `npm run doctor -- --stack S [OPTIONS]
npm run doctor -- --project P --region R [OPTIONS]

Finds out why the settlement service does not work. It asks Google's APIs and changes nothing; the likeliest cause comes
first, each with a command that mends it. Bindings of folders and of the organization are not looked at.

  --stack S             a stack of this project: what Pulumi.S.yaml says, and the names this project uses
  --project P           project id
  --region R            region of the service
  --instance I          Cloud SQL instance; found if not given
  --database D          ${DATABASE}
  --user U              ${LOGINS[0]}
  --service N           ${SERVICE}
  --secret ID           ${CONNECTION_STRING_SECRET}
  --password-secret ID  ${PASSWORD_SECRET}
  --bucket B            ${migrationsBucket("P")}
  --socket DIR          folder of a Cloud SQL Auth Proxy's Unix sockets: logs in, and looks at the tables
  --json                the same as JSON
  --log                 also write the result to the log ${DOCTOR_LOG}, which alerts read: for a nightly run
  --help                this text

roles/viewer and roles/iam.securityReviewer on the project show all but contents; roles/secretmanager.secretAccessor on
the two secrets and roles/cloudsql.client show these too; --log needs roles/logging.logWriter on the project. The caller
is GOOGLE_OAUTH_ACCESS_TOKEN, or else application default credentials. Without --socket, the password in the secret is
compared with the one in the stack's state, where the caller can decrypt that.

gcloud does not reach the embedded cloud of the local stack: there, \`npm start -- --reset\` makes everything anew.

Exit code: 0 nothing wrong, 1 something is, 2 wrong command line, 3 it could not look, or not write the log.
`;

const ROOT = join(import.meta.dirname, "..");

run(HELP, async () => {
  const { values } = parseArgs({ options: { ...OPTIONS, json: { type: "boolean" }, log: { type: "boolean" } } });
  const { json = false, log = false, ...given } = values;
  try {
    const place = locate(given, ROOT);
    const { target, endpoints, token } = place;
    const { stack } = target;
    const facts = new Facts(
      target,
      new RestReader(endpoints, token),
      readMigrations(join(ROOT, "migrations")),
      new Date(),
      stack === undefined ? undefined : (login) => generatedPassword(stack, ROOT, login),
    );
    const rows = await diagnose(CHECKS, facts);
    process.stdout.write(
      json ? `${JSON.stringify({ target, checks: rows }, undefined, 2)}\n` : render(rows, process.stdout.isTTY),
    );
    process.exitCode = exitCode(rows);
    if (log) await writeEntry(place, rows).catch(notWritten);
  } catch (error) {
    if (!(error instanceof CannotInspect)) throw error;
    console.error(error.message);
    process.exitCode = 3;
  }
});

/** Without the entry no alert follows, so this counts for more than what was found. */
function notWritten(error: unknown): void {
  if (!(error instanceof NotVisible)) throw error;
  const role = error.role === undefined ? "" : ` (needs ${error.role})`;
  throw new CannotInspect(`The log entry was not written: ${error.message}${role}.`);
}
