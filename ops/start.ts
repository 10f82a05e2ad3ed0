import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { DATABASE } from "../infra/names.ts";
import { type EmbeddedCloud, OWNER } from "../packages/embedded-google-cloud/index.ts";
import { lock } from "../packages/embedded-google-cloud/state/lock.ts";
import { interrupted, untilInterrupted } from "./terminal/interrupt.ts";
import { upAlone } from "./engine/up-alone.ts";
import { share, type LocalEnvironment, startLocal } from "./engine/local.ts";
import { POLICY_PACKS } from "./preview/inspect.ts";
import { requireUnblocked } from "./update/update.ts";
import { providerChoice, PROVIDERS, PROVIDERS_HELP } from "./terminal/options.ts";
import { requireConfig } from "./engine/stack-values.ts";
import { writeToolSettings } from "./engine/tools.ts";
import { run } from "./terminal/run.ts";
import { sendSettlementCommand } from "./service/smoke.ts";
import { outputsOf, readState } from "./engine/state.ts";
import { localFolder, privateFolder, socketFolder } from "./engine/private-folder.ts";

const HELP = `npm start [-- OPTIONS]

Deploys the settlement stack to an embedded Google Cloud, with the real Pulumi engine, and sends it a settlement command.

  --keep         keep running until Ctrl-C, so that other commands can use --stack local, and print how to call it
  --reset        delete the data of earlier runs, and start over
  --providers P  ${PROVIDERS_HELP}
  --help         this text
`;

run(HELP, async () => {
  const options = { ...PROVIDERS, keep: { type: "boolean" }, reset: { type: "boolean" } } as const;
  const { values } = parseArgs({ options });
  const choice = providerChoice(values.providers);
  const folder = localFolder();
  if (values.reset) reset(folder);

  const local = await startLocal(folder, console.log, {}, choice);
  try {
    await deploy(local);
    if (values.keep) {
      share(folder);
      await explain(local);
      await untilInterrupted();
      process.exitCode = 0;
    }
  } finally {
    await local.stop();
  }
});

function reset(folder: string): void {
  const cloud = join(folder, "cloud");
  if (existsSync(cloud)) lock(cloud); // fails if another run is using it
  rmSync(folder, { recursive: true, force: true });
}

async function deploy({ cloud, stack }: LocalEnvironment): Promise<void> {
  const color = process.stdout.isTTY ? "always" : "never";
  console.log("Previewing, with the policies applied ...");
  await requireUnblocked(stack);
  interrupted.throwIfAborted();
  await upAlone(stack, {
    color,
    policyPacks: POLICY_PACKS,
    signal: interrupted,
    suppressOutputs: true,
    onOutput: (text) => process.stdout.write(text),
  });
  const outputs = outputsOf(await readState(stack));
  const output = (name: string) => String(outputs[name]);
  const status = await sendSettlementCommand(output("serviceUrl"), cloud.identities.ownerToken);
  const rows = [
    ["Cloud SQL instance", output("connectionName")],
    ["Secrets", `${output("passwordSecret")}, ${output("connectionStringSecret")}`],
    ["Migrations bucket", `gs://${output("migrationsBucket")}`],
    ["Schema version", output("schemaVersion")],
    ["Cloud Run service", output("serviceUrl")],
  ];
  for (const [name = "", value = ""] of rows) console.log(`${name.padEnd(20)}${value}`);
  console.log(`\nsettlement command accepted (${status})`);
}

/** Opens the ways in for other programs, and says how to use them. */
async function explain({ cloud, stack }: LocalEnvironment): Promise<void> {
  const folder = localFolder();
  const { serviceUrl, connectionName } = outputsOf(await readState(stack));
  const token = privateFolder(folder).ownerToken;
  const socket = await openSocket(cloud, socketFolder(folder), String(connectionName));
  const { project, region } = requireConfig("local");
  const env = writeToolSettings({ url: cloud.url, folder, token, project, region, socket, database: DATABASE });
  const proxy = await cloud.listenForConnectors().then(
    () => "",
    (error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
      return "\nThe Cloud SQL Auth Proxy and connectors cannot connect, because another program has their port, 3307.";
    },
  );
  console.log(`
Call the service with the owner's token, which Cloud Run requires:
  curl -H "Authorization: Bearer $(cat ${token})" ${String(serviceUrl)}/health
Use gcloud, psql, the Cloud SQL Auth Proxy, Terraform and Google's libraries on it (docs/LOCAL_TOOLS.md):
  . ${env}${proxy}
Press Ctrl-C to stop.`);
}

/** @returns The socket's folder; undefined if its path is too long for a Unix socket. */
async function openSocket(cloud: EmbeddedCloud, folder: string, connectionName: string): Promise<string | undefined> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const onRefused = (message: string) => {
    console.error(message);
  };
  try {
    await cloud.openSocket({ connectionName, folder, member: OWNER, onRefused });
    return folder;
  } catch (error) {
    console.log(`psql and other programs cannot connect by a Unix socket. ${(error as Error).message}`);
    return undefined;
  }
}
