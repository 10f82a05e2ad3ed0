import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Google } from "../infra/google.ts";
import { DATABASE } from "../infra/names.ts";
import { mountProblem } from "../packages/embedded-google-cloud/index.ts";
import { lock } from "../packages/embedded-google-cloud/state/lock.ts";
import { replaceFile } from "../packages/embedded-google-cloud/state/store.ts";
import { interrupted, untilInterrupted } from "./terminal/interrupt.ts";
import { upAlone } from "./engine/up-alone.ts";
import { endpointConfig, endpointsOf } from "./engine/endpoints.ts";
import { FAULT_FORM, faultOf, type Placed } from "./engine/fault-option.ts";
import { consoleAddress, share } from "./engine/held-open.ts";
import { type LocalEnvironment, openSocket, SERVICE_IMAGE, startLocal } from "./engine/local.ts";
import { POLICY_PACKS } from "./preview/inspect.ts";
import { requireUnblocked } from "./update/update.ts";
import { providerChoice, PROVIDERS, PROVIDERS_HELP, stackName } from "./terminal/options.ts";
import { rehearsalOf } from "./engine/rehearsal.ts";
import { requireConfig } from "./engine/stack-values.ts";
import { writeToolSettings } from "./engine/tools.ts";
import { Board, box, isLive } from "./terminal/board.ts";
import { command } from "./terminal/command.ts";
import { run } from "./terminal/run.ts";
import { screenOf } from "./terminal/screen.ts";
import { onBoard } from "./update/components.ts";
import { checkHealth, programOf, startError } from "./service/own.ts";
import { retryRollout } from "./service/retry.ts";
import { UsageError } from "./terminal/user-error.ts";
import { sendSettlementCommand } from "./service/smoke.ts";
import { outputsOf, readState } from "./engine/state.ts";
import { localFolder, privateFolder } from "./engine/private-folder.ts";

const HELP = `npm start [-- OPTIONS]

Deploys the settlement stack to an embedded Google Cloud, with the real Pulumi engine, and sends it a settlement command.

  --keep             keep running until Ctrl-C, so that other commands can use --stack local, serve the console, and
                     print how to call both
  --service COMMAND  run this line of the shell as the settlement service instead of the sample: it must listen on PORT and
                     answer GET /health; see docs/LOCAL_TOOLS.md
  --fault FAULT      with --keep, once everything is deployed: let calls of an API fail, such as sqladmin:429; several are
                     possible; ${FAULT_FORM}, see docs/LOCAL_TOOLS.md
  --rehearse STACK   with --keep: have the projects of another stack beside the local one, such as staging, so that its pipeline
                     can be rehearsed; see docs/DEPLOYMENT.md
  --reset            delete the data of earlier runs, and start over
  --providers P      ${PROVIDERS_HELP}
  --help             this text
`;

run(HELP, async () => {
  const options = {
    ...PROVIDERS,
    keep: { type: "boolean" },
    reset: { type: "boolean" },
    service: { type: "string" },
    fault: { type: "string", multiple: true },
    rehearse: { type: "string" },
  } as const;
  const { values } = parseArgs({ options });
  const command = values.service;
  if (command?.trim() === "") throw new UsageError("--service needs a command, such as --service 'python service.py'.");
  const choice = providerChoice(values.providers);
  const faults = (values.fault ?? []).map(faultOf);
  if (faults.length > 0 && !values.keep) {
    throw new UsageError("--fault needs --keep, because the faults begin when everything is deployed.");
  }
  if (values.rehearse !== undefined && !values.keep) throw new UsageError("--rehearse needs --keep.");
  const rehearsal = values.rehearse === undefined ? undefined : rehearsalOf(otherStack(values.rehearse));
  const folder = localFolder();
  if (values.reset) reset(folder);

  const images = command === undefined ? {} : { [SERVICE_IMAGE]: programOf(command) };
  if (command !== undefined) await warnOfMounts();
  const more = { ...rehearsal, images: { ...images, ...rehearsal?.images } };
  const local = await startLocal(folder, console.log, more, choice);
  try {
    await deploy(local, values.keep ?? false, command);
    if (values.keep) {
      for (const placed of faults) await place(placed, local);
      if (values.fault) console.log(`\nFrom now on, calls fail: ${values.fault.join(", ")}`);
      share(folder);
      await hold(local);
      process.exitCode = 0;
    }
  } finally {
    await local.stop();
  }
});

async function place(placed: Placed, { cloud }: LocalEnvironment): Promise<void> {
  if ("region" in placed) await cloud.outages.beginRegion(placed.region);
  else cloud.faults.inject(placed.aim, placed.fault);
}

function otherStack(name: string): string {
  const stack = stackName(name);
  if (stack === "local") throw new UsageError("--rehearse names another stack, such as staging.");
  return stack;
}

/** Says if only a service in Node.js can connect to its database on this machine. */
async function warnOfMounts(): Promise<void> {
  const problem = await mountProblem();
  if (problem === undefined) return;
  console.log(
    `Only a service in Node.js finds /cloudsql, and so its database, on this machine: ${problem}. ` +
      `See "A service of your own" in docs/LOCAL_TOOLS.md.`,
  );
}

function reset(folder: string): void {
  const cloud = join(folder, "cloud");
  if (existsSync(cloud)) lock(cloud); // fails if another run is using it
  rmSync(folder, { recursive: true, force: true });
}

/**
 * @param isKept Whether the stack is held open afterwards.
 * @param command Of a service in place of the sample, which alone takes settlement commands for certain.
 */
async function deploy({ cloud, stack }: LocalEnvironment, isKept: boolean, command: string | undefined): Promise<void> {
  const began = new Date();
  const { project, region } = requireConfig("local");
  const token = cloud.identities.ownerToken;
  const google = new Google(endpointsOf(endpointConfig(cloud.url)), { token: () => Promise.resolve(token) });
  const own = command === undefined ? undefined : { command, project, google, token };
  try {
    await (isLive() ? updateOnBoard(stack) : updateWithLog(stack));
    await retryRollout(google, project, region);
  } catch (error) {
    throw (own && (await startError(own, began))) ?? error;
  }
  const outputs = outputsOf(await readState(stack));
  const output = (name: string) => String(outputs[name]);
  const url = output("serviceUrl");
  const outcome = own
    ? `${own.command} answers GET /health (${await checkHealth(own, url, began)})`
    : `settlement command accepted (${await sendSettlementCommand(url, token)})`;
  const rows = [
    ["Cloud SQL instance", output("connectionName")],
    ["Secrets", `${output("passwordSecret")}, ${output("connectionStringSecret")}`],
    ["Migrations bucket", `gs://${output("migrationsBucket")}`],
    ["Schema version", output("schemaVersion")],
    ["Cloud Run service", url],
  ];
  if (!isLive()) {
    console.log([...rows.map(([name = "", value = ""]) => name.padEnd(20) + value), "", outcome].join("\n"));
    return;
  }
  const { width } = screenOf();
  const lines = rows.flatMap(([name = "", value = ""]) => {
    const line = name.padEnd(20) + value;
    return line.length + 4 > width ? [name, `  ${value}`] : [line];
  });
  console.log(`\n${box([...lines, "", outcome, ...(isKept ? [] : NEXT)], width)}`);
}

/** Printed for a person on a terminal when the local stack is not held open. */
const NEXT = [
  "",
  "Next: npm start -- --keep              hold it open for other programs",
  "      npm run doctor -- --stack local  check everything",
  "      docs/DATABASE_SETUP.md           set up a stack on Google",
];

const UPDATE = { policyPacks: POLICY_PACKS, signal: interrupted, suppressOutputs: true } as const;

/** Prints the engine's log, for a pipe or a file. */
async function updateWithLog(stack: Stack): Promise<void> {
  console.log("Previewing, with the policies applied ...");
  await requireUnblocked(stack);
  interrupted.throwIfAborted();
  await upAlone(stack, {
    ...UPDATE,
    color: screenOf().colour ? "always" : "never",
    onOutput: (text) => process.stdout.write(text),
  });
}

/** Shows a line for each component, and the end of the engine's log if the update fails. */
async function updateOnBoard(stack: Stack): Promise<void> {
  const board = new Board();
  interrupted.addEventListener("abort", () => {
    board.leave(); // "Shutting down" was printed
  });
  let log = "";
  try {
    board.run("Preview", "with the policies applied");
    await requireUnblocked(stack);
    board.end("Preview");
    interrupted.throwIfAborted();
    await upAlone(stack, { ...UPDATE, color: "never", onOutput: (text) => (log += text), onEvent: onBoard(board) });
    board.close();
  } catch (error) {
    board.end(undefined, false);
    board.close();
    process.stdout.write(/^(Diagnostics|Policies):[\s\S]*/m.exec(log)?.[0] ?? "");
    throw error;
  }
}

/** Opens the console and the ways in for other programs, says how to use them, and waits for Ctrl-C. */
async function hold({ cloud, stack }: LocalEnvironment): Promise<void> {
  const folder = localFolder();
  const { serviceUrl, connectionName } = outputsOf(await readState(stack));
  const token = privateFolder(folder).ownerToken;
  const socket = await openSocket(cloud, folder, String(connectionName), console.error);
  const { project, region } = requireConfig("local");
  const env = writeToolSettings({ url: cloud.url, folder, token, project, region, socket, database: DATABASE });
  const proxy = await cloud.listenForConnectors().then(
    () => "",
    (error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
      return "\nThe Cloud SQL Auth Proxy and connectors cannot connect, because another program has their port, 3307.";
    },
  );
  const { serveConsole } = await import("./console/serve.ts");
  const { ownerToken } = cloud.identities;
  const page = await serveConsole({ stack, url: cloud.url, ownerToken, project, region, socket }, console.error);
  replaceFile(consoleAddress(folder), page.address);
  console.log(`
See the system, and replay the incident, in the browser (the address contains a token, so keep it to yourself):
  ${page.address}
Call the service with the owner's token, which Cloud Run requires:
  curl -H "Authorization: Bearer $(${command("cat", token)})" ${String(serviceUrl)}/health
Use gcloud, psql, the Cloud SQL Auth Proxy, Terraform and Google's libraries on it (docs/LOCAL_TOOLS.md):
  ${command(".", env)}${proxy}
Press Ctrl-C to stop.`);
  await untilInterrupted();
  await page.stop();
}
