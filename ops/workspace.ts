import { LocalWorkspace, type PulumiCommand, type Stack } from "@pulumi/pulumi/automation";
import { randomBytes } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { loadConfig } from "../infra/config";
import { settlement } from "../infra/settlement";
import { isAlive } from "../local/lock";
import { UserError } from "./user-error";

/** The repository's root. */
export const ROOT = join(__dirname, "..");

/** What the `local` stack is run with. */
export interface LocalStackOptions {
  /** An ignored folder inside the repository: the engine runs plugins there, and they find their packages above it. */
  readonly folder: string;
  readonly command: PulumiCommand;
  /** Configuration besides that of `Pulumi.local.yaml`: where the embedded cloud is. */
  readonly config: Readonly<Record<string, string>>;
  /** The engine's environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** The part of a stack file that is read and written here. */
interface StackFile {
  config?: Record<string, unknown>;
  encryptionsalt?: string;
}

/**
 * Opens the `local` stack: state in the folder, secrets encrypted with a passphrase that was generated there.
 *
 * The engine works on a copy of the stack file, because it adds the passphrase's salt and the addresses change.
 * @param say Prints a line of progress.
 */
export async function openLocalStack(options: LocalStackOptions, say: (line: string) => void): Promise<Stack> {
  const { command, env, folder } = options;
  const workDir = join(folder, "pulumi");
  const state = join(folder, "state");
  for (const path of [workDir, state]) mkdirSync(path, { recursive: true, mode: 0o700 });
  const passphrase = join(folder, "passphrase");
  if (!existsSync(passphrase)) writeFileSync(passphrase, randomBytes(24).toString("base64url"), { mode: 0o600 });

  copyFileSync(join(ROOT, "Pulumi.yaml"), join(workDir, "Pulumi.yaml"));
  const stackFile = join(workDir, "Pulumi.local.yaml");
  const before = existsSync(stackFile) ? (parse(readFileSync(stackFile, "utf8")) as StackFile) : {};
  const committed = parse(readFileSync(join(ROOT, "Pulumi.local.yaml"), "utf8")) as StackFile;
  const next: StackFile = { ...before, config: { ...committed.config, ...options.config } };
  writeFileSync(stackFile, stringify(next));

  breakDeadLock(state, say);

  return LocalWorkspace.createOrSelectStack(
    // eslint-disable-next-line @typescript-eslint/require-await
    { stackName: "local", projectName: "settlement", program: async () => settlement(loadConfig()) },
    {
      workDir,
      pulumiCommand: command,
      envVars: {
        PULUMI_BACKEND_URL: `file://${state}`,
        PULUMI_CONFIG_PASSPHRASE_FILE: passphrase,
        PULUMI_SKIP_UPDATE_CHECK: "true",
        ...env,
      },
    },
  );
}

/**
 * Removes the lock of an update that was killed. Who calls holds the embedded cloud, so nobody else updates the stack;
 * an engine that outlived its command is left to finish.
 */
function breakDeadLock(state: string, say: (line: string) => void): void {
  const locks = join(state, ".pulumi", "locks", "organization", "settlement", "local");
  if (!existsSync(locks)) return;
  for (const file of readdirSync(locks).filter((name) => name.endsWith(".json"))) {
    const { pid } = JSON.parse(readFileSync(join(locks, file), "utf8")) as { pid: number };
    if (isAlive(pid))
      throw new UserError(`An update of an earlier run is still under way in process ${pid}. Wait for it.`);
    rmSync(join(locks, file));
    say(
      "An earlier run was killed in the middle. If this one stops at what that one made, start over: npm start -- --reset",
    );
  }
}
