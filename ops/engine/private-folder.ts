import { join } from "node:path";
import { ROOT } from "./stack-file.ts";

/**
 * The paths of a stack that exists on this machine only.
 * @param folder A git-ignored folder inside the repository.
 */
export function privateFolder(folder: string) {
  const state = join(folder, "state");
  const passphrase = join(folder, "passphrase");
  return {
    /** The engine's working folder, with its copy of the stack file. */
    workDir: join(folder, "pulumi"),
    /** The root of the engine's backend. */
    state,
    /** The file with the passphrase that encrypts the state's secrets. */
    passphrase,
    /** The engine's settings for both. */
    envVars: { PULUMI_BACKEND_URL: `file://${state}`, PULUMI_CONFIG_PASSPHRASE_FILE: passphrase },
    /** The file with the owner's token of the embedded cloud, if its data is in this folder. */
    ownerToken: join(folder, "cloud", "owner-token"),
  };
}

/** The folder of `npm start` in a repository: the state of the `local` stack and the embedded cloud's data. */
export function localFolder(root = ROOT): string {
  return join(root, ".local", "start");
}

/** The folder of the database's Unix socket while `npm start -- --keep` runs. @param folder As for {@link privateFolder}. */
export function socketFolder(folder: string): string {
  return join(folder, "sql");
}
