import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../ops/engine/stack-file.ts";

/** Programs of others that documents and messages name. */
export const OTHERS = ["gcloud", "gsutil", "psql", "cloud-sql-proxy"];

const MEMBER = "--member=serviceAccount:incident@settlement-local.iam.gserviceaccount.com";
/** A line of shell, and a part of what it prints. */
type Run = readonly [line: string, said: string];

const PASSWORD = "PGPASSWORD=$(gcloud secrets versions access latest --secret=settlement-db-password)";
const PSQL = `user=settlement_user dbname=settlement_db" --command='SELECT count(*) FROM settlement_commands'`;

/**
 * What the fix of the incident took, and what the documents print, on the stack that `npm start` holds open. The second binding of a
 * policy shows that its etag is understood. `$INSTANCE` is the stack's.
 */
export const ON_THE_STACK: readonly Run[] = [
  ["gcloud iam service-accounts create incident --display-name=Incident", "Created service account [incident]"],
  [
    "printf first > value; gcloud secrets create incident --replication-policy=automatic --data-file=value",
    "[incident]",
  ],
  ["printf second > value; gcloud secrets versions add incident --data-file=value; rm value", "version [2]"],
  ["gcloud secrets versions access latest --secret=incident", "second"],
  ["gcloud secrets versions disable 1 --secret=incident", "Disabled version [1]"],
  ["gcloud secrets versions describe 1 --secret=incident", "state: DISABLED"],
  ["gcloud secrets versions enable 1 --secret=incident", "Enabled version [1]"],
  ["gcloud secrets versions list incident", "enabled"],
  [`gcloud secrets add-iam-policy-binding incident ${MEMBER} --role=roles/secretmanager.secretAccessor`, "incident@"],
  ["gcloud secrets delete incident --quiet", "Deleted secret"],
  [
    `gcloud projects add-iam-policy-binding settlement-local ${MEMBER} --role=roles/cloudsql.client --condition=None`,
    "incident@",
  ],
  [
    `gcloud projects add-iam-policy-binding settlement-local ${MEMBER} --role=roles/run.viewer --condition=None`,
    "run.viewer",
  ],
  [
    `gcloud projects remove-iam-policy-binding settlement-local ${MEMBER} --role=roles/run.viewer --condition=None`,
    "etag",
  ],
  [
    `gcloud projects remove-iam-policy-binding settlement-local ${MEMBER} --role=roles/cloudsql.client --condition=None`,
    "etag",
  ],
  [
    `gcloud sql instances describe $INSTANCE --format='value(settings.dataDiskSizeGb,settings.storageAutoResizeLimit)'`,
    "10",
  ],
  [`gcloud sql databases create incident --instance=$INSTANCE`, "Created database [incident]"],
  [`gcloud sql databases delete incident --instance=$INSTANCE --quiet`, ".done."],
  [`gcloud sql users create incident --instance=$INSTANCE --password=p`, "Created user [incident]"],
  [`gcloud sql users set-password incident --instance=$INSTANCE --password=q`, "done."],
  [`gcloud sql users delete incident --instance=$INSTANCE --quiet`, ".done."],
  [`gcloud sql backups create --instance=$INSTANCE --description "before the migration job"`, "backed up"],
  [`gcloud sql backups list --instance=$INSTANCE`, "SUCCESSFUL"],
  ["gcloud sql backups list", ""],
  [`${PASSWORD} psql "host=$PGHOST ${PSQL}`, "count"],
  // A socket's path is short.
  [
    'name="$GOOGLE_CLOUD_PROJECT:us-central1:$INSTANCE"; dir=$(mktemp -d /tmp/XXXXXX); ' +
      'cloud-sql-proxy --unix-socket "$dir" "$name" & proxy=$!; trap "kill $proxy; rm -r $dir" EXIT; ' +
      'until [ -S "$dir/$name/.s.PGSQL.5432" ]; do kill -0 $proxy; sleep 0.1; done; ' +
      `${PASSWORD} psql "host=$dir/$name ${PSQL}`,
    "count",
  ],
  [`gcloud sql ssl server-ca-certs list --instance=$INSTANCE --format='value(cert)'`, "BEGIN CERTIFICATE"],
  ["gcloud logging read 'resource.labels.service_name=\"settlement-service\" AND severity>=ERROR' --limit=20", ""],
  [
    `gcloud logging read 'resource.labels.service_name="settlement-service" AND httpRequest.status=200' --limit=1`,
    "run.googleapis.com%2Frequests",
  ],
  [
    `gcloud logging read 'resource.type="cloudsql_database" AND "ready to accept connections"' --limit=1`,
    "cloudsql.googleapis.com%2Fpostgres.log",
  ],
  ["gcloud services enable compute.googleapis.com", ""],
  ["gcloud compute ssl-certificates create incident --domains=incident.localhost --global", "PROVISIONING"],
  ['gcloud compute ssl-certificates describe incident --global --format="value(managed.status)"', "PROVISIONING"],
  ["gcloud compute ssl-certificates delete incident --global --quiet", "Deleted"],
  ["gcloud services disable compute.googleapis.com --quiet", ""],
  ["gcloud storage cp package.json gs://settlement-local-migrations/incident", "Copying file"],
  ["gcloud storage ls -a gs://settlement-local-migrations/incident", "#"],
  ["gcloud storage rm gs://settlement-local-migrations/incident", "Removing"],
  [
    "gcloud iam service-accounts delete incident@settlement-local.iam.gserviceaccount.com --quiet",
    "deleted service account",
  ],
];

/** What the documents print besides, on the stack of test/e2e/doctor-access.test.ts. `$REVISION` is the service's first. */
export const ON_A_SETTING: readonly Run[] = [
  ["gcloud run revisions list --service=settlement-service --region=us-central1", "settlement-service-00001"],
  [
    "gcloud run services update-traffic settlement-service --to-revisions=$REVISION=100 --region=us-central1",
    "100% settlement-service-00001",
  ],
  ["gcloud run services update-traffic settlement-service --to-latest --region=us-central1", "100% LATEST"],
  [`gcloud logging read "resource.labels.revision_name=\\"$REVISION\\"" --limit=50`, "jsonPayload"],
  [
    "gcloud run jobs execute settlement-migration --region=us-central1 --wait " +
      "--args=--migrations-dir=/migrations/job,--migrations-table=job_migrations,migrate",
    "has successfully completed",
  ],
  [
    "gcloud sql backups restore $(gcloud sql backups list --instance=$INSTANCE --limit=1 --format='value(id)') " +
      "--restore-instance=$INSTANCE --quiet",
    "Restored",
  ],
];

/** What works on Google only, with a part of the embedded cloud's refusal. */
export const REFUSED: readonly Run[] = [
  [
    "gcloud sql instances clone $INSTANCE copy --point-in-time=2026-01-01T00:00:00Z",
    "The embedded cloud has no POST /sql/v1beta4/projects/settlement-local/instances/",
  ],
  ["gcloud sql instances get-latest-recovery-time $INSTANCE", "The embedded cloud has no GET /sql/v1beta4/"],
  ["gcloud sql instances failover $INSTANCE --quiet", "The embedded cloud has no POST /sql/v1beta4/"],
  [
    "gcloud kms keys versions enable 1 --key=state --keyring=pulumi --location=us-central1",
    "The embedded cloud has no PATCH /v1/projects/settlement-local/locations/us-central1/keyRings/",
  ],
  [
    "gcloud kms keys versions restore 1 --key=state --keyring=pulumi --location=us-central1",
    "The embedded cloud has no POST /v1/projects/settlement-local/locations/us-central1/keyRings/",
  ],
];

/** Lines that no test runs, each with the reason. */
export const ELSEWHERE: readonly (readonly [RegExp, string])[] = [
  [/gcloud auth application-default login/, "signs a person in at Google"],
  [/^gcloud artifacts docker images describe/, "the embedded cloud has programs in place of images"],
  [
    /^gcloud artifacts repositories create/,
    "prepares a project on Google for the comparison with it, as does the next",
  ],
  [/^gcloud builds submit/, "needs Cloud Build"],
  [/^gcloud dns /, "the embedded cloud has no DNS"],
  [/^gcloud storage buckets relocate/, "moves the state's bucket, which is on Google only"],
  [/^gcloud run deploy$/, "is named as what is not to be used"],
];

/** Groups of commands, not commands. */
export const GROUPS = ["gcloud run", "gcloud storage", "gcloud services vpc-peerings"];

/** A line of a document or a message. */
export interface Line {
  /** The file. */
  readonly in: string;
  readonly line: string;
}

/** The commands of {@link OTHERS} in the documents and in the messages of the commands, but not the doctor's and bootstrap's. */
export function documented(): Line[] {
  const documents = globSync(["README.md", "docs/*.md", "{packages,policies}/**/README.md"], { cwd: ROOT });
  const sources = globSync(["ops/**/*.ts", "infra/**/*.ts"], { cwd: ROOT });
  return [
    ...documents.filter((file) => !file.includes("node_modules")).flatMap((file) => linesOf(file, inDocument)),
    ...sources.filter((file) => !/^ops\/(doctor|bootstrap)\b/.test(file)).flatMap((file) => linesOf(file, inSource)),
  ];
}

function linesOf(file: string, find: (text: string) => string[]): Line[] {
  const text = readFileSync(join(ROOT, file), "utf8").replaceAll("\\\n", " ");
  return find(text).map((line) => ({ in: file, line: line.replace(/\s+/g, " ").trim() }));
}

const COMMAND = new RegExp(`(^|[\\s(=&|$])(${OTHERS.join("|")}) `);

/** In a block of shell, and between backticks in a sentence. */
function inDocument(text: string): string[] {
  const blocks = [...text.matchAll(/^ *```(?:sh|console)\n([\s\S]*?)^ *```/gm)];
  const spans = [...text.matchAll(/`([^`\n]+)`/g)].map(([, span = ""]) => span);
  const lines = blocks.flatMap(([, body = ""]) => body.split("\n"));
  return [...lines, ...spans].filter((line) => COMMAND.test(line)).map((line) => line.replace(/^\$ /, ""));
}

const IN_SOURCE =
  /\bgcloud (?:auth|artifacts|builds|iam|kms|logging|projects|run|secrets|services|sql|storage)\b[^`"]*/;
/** The words of a call, such as `command("gcloud", "sql", …)`. */
const CALL = /"gcloud", ((?:"[a-z-]+", )+)/;

/** In a message or a help text, to the end of its line; not in a comment, nor in a sentence about gcloud. */
function inSource(text: string): string[] {
  const code = text.split("\n").filter((line) => !/^\s*(\/\*|\*|\/\/)/.test(line));
  return code.flatMap((line) => {
    const call = CALL.exec(line)?.[1]?.replace(/[",]/g, "");
    return IN_SOURCE.exec(line)?.[0] ?? (call === undefined ? [] : `gcloud ${call}`);
  });
}
