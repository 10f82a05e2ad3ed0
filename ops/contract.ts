import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { PROJECT_ID } from "../infra/names.ts";
import { OWNER, startCloud } from "../packages/embedded-google-cloud/index.ts";
import { differences } from "./contract/compare.ts";
import { format, parse } from "./contract/exchange.ts";
import { Recorder } from "./contract/recorder.ts";
import { imageOf, invokerOf, play, type Recording } from "./contract/scenario.ts";
import { findCli } from "./engine/cli.ts";
import { startProviders } from "./engine/providers.ts";
import { ROOT } from "./engine/stack-file.ts";
import { consent } from "./terminal/consent.ts";
import { providerChoice, PROVIDERS, PROVIDERS_HELP } from "./terminal/options.ts";
import { run } from "./terminal/run.ts";
import { UsageError } from "./terminal/user-error.ts";

const RECORDINGS = join(ROOT, "test", "contract");

/** The proxy's first port on Google, always the same, because the state of a run that failed contains it. */
const PORT = 4521;

const HELP = `npm run contract -- --target google --project P [OPTIONS]
npm run contract -- --target embedded [OPTIONS]

Records how a cloud answers the settlement stack: the reads of bootstrap, an update, a change, an import, a rotation and
the destruction, one file each, with placeholders for secrets, ids, times and generated names. The requests pass through
a proxy on this machine. With google the recordings replace those in test/contract/*.http. With embedded the embedded
cloud's answers are compared with those, and the command fails if they differ.

  --target T     google or embedded
  --project P    the project on Google
  --region R     us-central1 by default
  --write        with embedded: replace the recordings instead of comparing
  --providers P  ${PROVIDERS_HELP}; on Google always official
  --yes          do not ask before anything is created on Google; required without a terminal
  --help         this text

On Google it takes about an hour and costs less than a dollar, nearly all of it for the Cloud SQL instance
(db-custom-1-3840, 10 GB). Use a project for tests that has no settlement stack. Afterwards the stack is destroyed, and
these are left: the APIs stay enabled; the service agents that Google created keep their roles; the instance's name is
reserved for a week; the bucket and the account can be restored for 7 and 30 days; the audit logs remain. If destroying
it fails, its state is in .local/contract/google: run the command again, which first destroys what is left.

The project needs, once:
  gcloud services enable artifactregistry.googleapis.com cloudbuild.googleapis.com cloudkms.googleapis.com \\
    cloudresourcemanager.googleapis.com iam.googleapis.com iamcredentials.googleapis.com logging.googleapis.com \\
    monitoring.googleapis.com run.googleapis.com secretmanager.googleapis.com serviceusage.googleapis.com \\
    sqladmin.googleapis.com storage.googleapis.com --project=P
  gcloud artifacts repositories create settlement --repository-format=docker --location=R --project=P
  gcloud builds submit packages/settlement-service --tag=R-docker.pkg.dev/P/settlement/settlement-service:contract --project=P
  gcloud iam service-accounts create settlement-deployer --project=P
  gcloud iam service-accounts add-iam-policy-binding settlement-deployer@P.iam.gserviceaccount.com \\
    --member=user:YOU --role=roles/iam.serviceAccountOpenIdTokenCreator --project=P

Credentials, of an owner of the project: GOOGLE_OAUTH_ACCESS_TOKEN, or else application default credentials.
`;

run(HELP, async () => {
  const options = {
    ...PROVIDERS,
    target: { type: "string" },
    project: { type: "string" },
    region: { type: "string", default: "us-central1" },
    write: { type: "boolean" },
    yes: { type: "boolean" },
  } as const;
  const { values } = parseArgs({ options });
  const { project, region } = values;
  if (values.target === "google") {
    if (project === undefined || !PROJECT_ID.test(project)) throw new UsageError("Which project? Add --project P.");
    const question = `Create a settlement stack in project ${project} on Google, record it and destroy it?`;
    if (!(await consent(values.yes)(question))) console.error("Nothing was changed.");
    else write(await onGoogle(project, region), `Google Cloud, ${region}`);
    return;
  }
  if (values.target !== "embedded") throw new UsageError("Which cloud? Add --target google or --target embedded.");
  const recording = await onEmbedded(region, values.providers);
  if (values.write) write(recording, "The embedded cloud");
  else compare(recording);
});

async function onGoogle(project: string, region: string): Promise<Recording> {
  const recorder = await Recorder.start((host) => `https://${host}`, PORT);
  const command = await findCli(console.error);
  try {
    return await play({
      ...{ project, region, recorder, command, token: undefined, say: console.error },
      folder: join(ROOT, ".local", "contract", "google"),
      providers: () => startProviders(command, { choice: "official", say: console.error }),
    });
  } finally {
    await recorder.stop();
  }
}

async function onEmbedded(region: string, option: string | undefined): Promise<Recording> {
  const choice = providerChoice(option);
  const folder = join(ROOT, ".local", "contract", "embedded");
  rmSync(folder, { recursive: true, force: true });
  const project = "settlement-local";
  const images = {
    [imageOf({ project, region })]: {
      command: process.execPath,
      args: [join(ROOT, "packages", "settlement-service", "server.js")],
    },
  };
  const cloud = await startCloud({ folder: join(folder, "cloud"), projects: [project], images });
  const recorder = await Recorder.start(() => cloud.url);
  try {
    const { ownerToken } = cloud.identities;
    await prepare(cloud.url, ownerToken, project);
    const command = await findCli(console.error);
    return await play({
      ...{ project, region, recorder, folder, command, token: () => Promise.resolve(ownerToken), say: console.error },
      providers: async () => {
        const providers = await startProviders(command, { choice, token: ownerToken, say: console.error });
        const env = { GOOGLE_OAUTH_ACCESS_TOKEN: ownerToken, PULUMI_GCP_SKIP_REGION_VALIDATION: "true" };
        return { ...providers, env: { ...env, ...providers.env } };
      },
    });
  } finally {
    await recorder.stop();
    await cloud.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What the help says that a project on Google needs. */
async function prepare(url: string, token: string, project: string): Promise<void> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const post = async (path: string, body: object) => {
    const answer = await fetch(`${url}/v1/projects/${project}/${path}`, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`The embedded cloud answered ${answer.status}: ${await answer.text()}`);
  };
  const apis =
    "cloudkms cloudresourcemanager iam iamcredentials logging monitoring run secretmanager serviceusage sqladmin storage";
  await post("services:batchEnable", { serviceIds: apis.split(" ").map((api) => `${api}.googleapis.com`) });
  const [accountId] = invokerOf(project).split("@");
  await post("serviceAccounts", { accountId });
  const bindings = [{ role: "roles/iam.serviceAccountOpenIdTokenCreator", members: [OWNER] }];
  await post(`serviceAccounts/${invokerOf(project)}:setIamPolicy`, { policy: { bindings } });
}

function write(recording: Recording, cloud: string): void {
  const date = new Date().toISOString().slice(0, 10);
  for (const [step, exchanges] of Object.entries(recording)) {
    writeFileSync(join(RECORDINGS, `${step}.http`), format(`${cloud}, ${date}`, exchanges));
  }
  console.log(`Recorded in ${relative(ROOT, RECORDINGS)}: ${Object.keys(recording).join(", ")}`);
}

function compare(recording: Recording): void {
  let count = 0;
  for (const [step, now] of Object.entries(recording)) {
    const file = join(RECORDINGS, `${step}.http`);
    const found = differences(existsSync(file) ? parse(readFileSync(file, "utf8")) : [], now);
    count += found.length;
    for (const { lines, request } of found) {
      console.log(`${step}: ${request}\n${lines.map((line) => `  ${line}`).join("\n")}`);
    }
  }
  console.log(count === 0 ? "No differences from the recordings." : `${count} requests differ from the recordings.`);
  if (count > 0) process.exitCode = 1;
}
