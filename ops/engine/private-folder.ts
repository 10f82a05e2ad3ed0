import { join } from "node:path";
import { ROOT } from "./stack-file.ts";

/** What lies in the folder of a stack that is on this machine alone. */
export interface PrivateFolder {
  /** The folder that the engine works in, with its copy of the stack file. */
  readonly workDir: string;
  /** The root of the engine's backend. */
  readonly state: string;
  /** The file with the passphrase that encrypts the state's secrets. */
  readonly passphrase: string;
  /** What tells the engine of both. */
  readonly envVars: Readonly<Record<string, string>>;
  /** The file with the token of the embedded cloud's owner, where that has its data here too. */
  readonly ownerToken: string;
}

/** @param folder An ignored folder inside the repository. */
export function privateFolder(folder: string): PrivateFolder {
  const state = join(folder, "state");
  const passphrase = join(folder, "passphrase");
  return {
    workDir: join(folder, "pulumi"),
    state,
    passphrase,
    envVars: { PULUMI_BACKEND_URL: `file://${state}`, PULUMI_CONFIG_PASSPHRASE_FILE: passphrase },
    ownerToken: join(folder, "cloud", "owner-token"),
  };
}

/**
 * The folder of `npm start`, with the state of the stack `local` and the embedded cloud's data.
 * @param root The repository's root.
 */
export function localFolder(root = ROOT): string {
  return join(root, ".local", "start");
}
