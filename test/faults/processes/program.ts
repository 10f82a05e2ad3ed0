import { type EngineEvent, LocalWorkspace, type Stack } from "@pulumi/pulumi/automation/index.js";
import { join } from "node:path";
import { loadConfig } from "../../../infra/config.ts";
import { checksum, type Migration, readMigrations } from "../../../infra/migrations/files.ts";
import { settlement } from "../../../infra/settlement.ts";
import { findCli } from "../../../ops/engine/cli.ts";
import { endpointConfig } from "../../../ops/engine/endpoints.ts";
import { upAlone } from "../../../ops/engine/up-alone.ts";
import { update } from "../../../ops/update/update.ts";
import { privateFolder } from "../../../ops/engine/private-folder.ts";
import { startProviders } from "../../../ops/engine/providers.ts";
import { ENGINE, inlineProgram } from "../../../ops/engine/program.ts";
import { openPrivateStack } from "../../../ops/engine/private-stack.ts";
import { ROOT } from "../../../ops/engine/stack-file.ts";

/** What a run of a command does. */
export interface Run {
  /** Folder of the stack, as that of `npm start`. */
  readonly folder: string;
  /** Address of the embedded cloud. */
  readonly url: string;
  readonly operation: "up" | "update" | "migration" | "destroy";
  /** Whether the state counts as shared: then no lock is broken, and the operation runs as `npm run up`. */
  readonly shared: boolean;
  /** Additional configuration. */
  readonly config?: Readonly<Record<string, string>>;
}

/** A migration that shows how often it was applied. */
const PROBE_TEXT = `-- migrate:up
UPDATE settlement_commands SET account_ref = account_ref || '+';

-- migrate:down
UPDATE settlement_commands SET account_ref = rtrim(account_ref, '+');
`;
const PROBE: Migration = {
  version: "20990101000000",
  file: "20990101000000_probe.sql",
  text: PROBE_TEXT,
  checksum: checksum(PROBE_TEXT),
};

const IMAGE = "us-central1-docker.pkg.dev/settlement-local/settlement/settlement-service";
const say = (line: string) => process.send?.({ line });
/** The engine's errors. */
const problems: string[] = [];
const onEvent = ({ diagnosticEvent: said }: EngineEvent) => {
  if (said?.severity === "error") problems.push(`${said.urn?.split("::").at(-1) ?? ""} ${said.message.trim()}`);
  process.send?.({ event: true });
};

async function run({ folder, url, operation, shared, config: more }: Run): Promise<void> {
  const command = await findCli(say);
  const providers = await startProviders(command, { token: process.env.GOOGLE_OAUTH_ACCESS_TOKEN });
  try {
    const image = operation === "up" ? "1" : "2";
    const service = JSON.stringify({ image: `${IMAGE}:${image}` });
    const config = { ...endpointConfig(url), "settlement:service": service, ...more };
    const env = { PULUMI_GCP_SKIP_REGION_VALIDATION: "true", ...providers.env };
    if (shared) await updateShared(folder, config, { command, env });
    else await work(await openPrivateStack({ name: "local", folder, command, config, env }, say), operation);
  } finally {
    await providers.stop();
  }
}

async function work(stack: Stack, operation: Run["operation"]): Promise<void> {
  const migrations = [...readMigrations(join(ROOT, "migrations")), ...(operation === "migration" ? [PROBE] : [])];
  const program = () => Promise.resolve(settlement(loadConfig(), migrations));
  if (operation === "destroy") await stack.destroy({ onEvent });
  else await upAlone(stack, { onEvent, program });
}

/** Updates as `npm run up` does, as if the state were in a bucket. */
async function updateShared(
  folder: string,
  config: Readonly<Record<string, string>>,
  { command, env }: { command: Awaited<ReturnType<typeof findCli>>; env: Readonly<Record<string, string>> },
): Promise<void> {
  const { envVars, workDir } = privateFolder(folder);
  const stack = await LocalWorkspace.selectStack(inlineProgram("local"), {
    workDir,
    pulumiCommand: command,
    envVars: {
      ...envVars,
      ...ENGINE,
      ...env,
    },
  });
  await stack.setAllConfig(Object.fromEntries(Object.entries(config).map(([key, value]) => [key, { value }])));
  await update(stack, {
    print: ({ markdown }) => say(markdown),
    progress: () => process.send?.({ event: true }),
    confirm: () => Promise.resolve(true),
  });
}

process.on("disconnect", () => process.exit());
run(JSON.parse(process.argv[2] ?? "") as Run).then(
  () => process.send?.({ done: true }, () => process.exit()),
  (error: unknown) => {
    const { message, name } = error as Error;
    const said = name === "CommandError" ? [...message.matchAll(/error: (.*)/g)].map(([, words]) => words) : [message];
    const text = [...problems, ...said].join("; ");
    process.send?.({ failed: text }, () => process.exit(1));
  },
);
