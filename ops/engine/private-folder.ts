import { join } from "node:path";
import { ROOT } from "./stack-file.ts";

/** The files of a stack that exists on this machine only. */
export interface PrivateFolder {
  /** The engine's working folder, with its copy of the stack file. */
  readonly workDir: string;
  /** The root of the engine's backend. */
  readonly state: string;
  /** The file with the passphrase that encrypts the state's secrets. */
  readonly passphrase: string;
  /** The engine's settings for both. */
  readonly envVars: Readonly<Record<string, string>>;
  /** The file with the owner's token of the embedded cloud, if its data is in this folder. */
  readonly ownerToken: string;
}

/** @param folder A git-ignored folder inside the repository. */
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

/** The folder of `npm start` in a repository: the state of the `local` stack and the embedded cloud's data. */
export function localFolder(root = ROOT): string {
  return join(root, ".local", "start");
}
