import { join } from "node:path";
import { parseArgs } from "node:util";
import { readMigrations, readRepeatables } from "../infra/migrations/files.ts";
import {
  CONNECTION_STRING_SECRET,
  DATABASE,
  DOCTOR_LOG,
  LOGINS,
  migrationsBucket,
  PASSWORD_SECRET,
  SERVICE,
} from "../infra/names.ts";
import { clientOf } from "./doctor/answer.ts";
import { CHECKS } from "./doctor/checks.ts";
import { diagnose, exitCode } from "./doctor/diagnosis.ts";
import { Facts } from "./doctor/facts.ts";
import { writeEntry } from "./doctor/log.ts";
import { CannotInspect, RestReader, NotVisible } from "./google/reader.ts";
import { generatedPassword } from "./doctor/state.ts";
import { render } from "./doctor/table.ts";
import { withCloud } from "./engine/cloud.ts";
import { locate, OPTIONS } from "./engine/target.ts";
import { run } from "./terminal/run.ts";
import { screenOf } from "./terminal/screen.ts";

const HELP = `npm run doctor -- --stack S [OPTIONS]
npm run doctor -- --project P --region R [OPTIONS]

Diagnoses why the settlement service does not work. The most likely cause comes first, each with a command that fixes it; the
last line says what was not looked at. It only reads from Google's APIs, and calls the service: its health, and a settlement
command that the service rolls back. IAM bindings on folders and the organization are not checked.

  --stack S             a stack of this project, as configured in Pulumi.S.yaml
  --project P           project id
  --region R            region of the service
  --instance I          Cloud SQL instance; by default the one that the service uses
  --database D          ${DATABASE}
  --user U              ${LOGINS[0]}
  --service N           ${SERVICE}
  --secret ID           ${CONNECTION_STRING_SECRET}
  --password-secret ID  ${PASSWORD_SECRET}
  --bucket B            ${migrationsBucket("P")}
  --socket DIR          folder of a Cloud SQL Auth Proxy's Unix sockets: log in, and check the tables; not
                        needed for the stack local
  --json                print JSON
  --log                 also write the result to the log ${DOCTOR_LOG}, which alerts read
  --help                this text

Needs roles/viewer and roles/iam.securityReviewer on the project; to read passwords and tables also
roles/secretmanager.secretAccessor on the two secrets and roles/cloudsql.client; to call the service
roles/iam.serviceAccountOpenIdTokenCreator on settlement:deployer; for --log roles/logging.logWriter.
Credentials: GOOGLE_OAUTH_ACCESS_TOKEN, GOOGLE_CREDENTIALS or application default credentials; with
GOOGLE_IMPERSONATE_SERVICE_ACCOUNT or gcp:impersonateServiceAccount as that account. Without --socket, the password in the
secret is compared with the one in the stack's state if the caller can decrypt it.

For the stack local, run \`npm start -- --keep\` first; gcloud then reaches the embedded cloud.

With --log, a log that could not be written counts as not found out: no alert fires then.
`;

const ROOT = join(import.meta.dirname, "..");

run(HELP, async () => {
  const { values } = parseArgs({ options: { ...OPTIONS, json: { type: "boolean" }, log: { type: "boolean" } } });
  const { json = false, log = false, ...given } = values;
  await withCloud(given.stack, console.error, async () => {
    const place = locate(given, ROOT);
    const { target, endpoints, token } = place;
    const { stack } = target;
    const facts = new Facts(
      target,
      new RestReader(endpoints, token),
      readMigrations(join(ROOT, "migrations")),
      new Date(),
      stack === undefined ? undefined : (login) => generatedPassword(stack, ROOT, login),
      readRepeatables(join(ROOT, "migrations")),
      clientOf(place),
    );
    const rows = await diagnose(CHECKS, facts);
    const text = json ? `${JSON.stringify({ target, checks: rows }, undefined, 2)}\n` : render(rows, screenOf().colour);
    process.stdout.write(text);
    process.exitCode = exitCode(rows);
    if (log) await writeEntry(place, rows).catch(notWritten);
  });
});

/** Overrides the exit code of the findings: without the log entry no alert fires. */
function notWritten(error: unknown): void {
  if (!(error instanceof NotVisible)) throw error;
  const role = error.role === undefined ? "" : ` (needs ${error.role})`;
  throw new CannotInspect(`The log entry was not written: ${error.message}${role}.`);
}
