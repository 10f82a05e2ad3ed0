import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { ConfigError, parseConfig, programValues } from "../infra/config";
import { StoreError } from "../local/store";
import { UserError } from "./user-error";

/** The repository's root, where the stack files are. */
export const ROOT = join(__dirname, "..");

/** Where the state of each shared stack is, by the stack's name: the value of `PULUMI_BACKEND_URL`. */
export const BACKENDS: Readonly<Record<string, string>> = {
  staging: "gs://fusion-prime-staging-pulumi-state",
  prod: "gs://fusion-prime-pulumi-state",
};

/** A stack file, as far as it is read and written here. */
export interface StackFile {
  /** Values by key, such as `gcp:region`. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** What encrypts the secrets in the state, such as `gcpkms://projects/P/locations/L/keyRings/R/cryptoKeys/K`. */
  readonly secretsprovider?: string;
  /** The state's own key, encrypted by that one: `pulumi stack init` writes it. */
  readonly encryptedkey?: string;
  /** The same for a passphrase. */
  readonly encryptionsalt?: string;
}

/**
 * Path of a stack's file.
 * @param folder Where the file is; the repository by default.
 */
export function stackPath(stack: string, folder = ROOT): string {
  return join(folder, `Pulumi.${stack}.yaml`);
}

/**
 * Reads a stack's file.
 * @param folder Where the file is; the repository by default.
 * @throws UserError where there is no such stack; StoreError where the file is empty.
 */
export function readStackFile(stack: string, folder = ROOT): StackFile {
  const path = stackPath(stack, folder);
  if (!existsSync(path)) throw new UserError(`There is no ${path}: a stack is a file Pulumi.<stack>.yaml.`);
  const file = parse(readFileSync(path, "utf8")) as StackFile | null;
  if (file === null) throw new StoreError(path, "it is empty");
  return file;
}

/**
 * What a stack's file says, as `parseConfig` takes it.
 * @throws UserError where there is no such stack.
 */
export function stackValues(stack: string): Record<string, unknown> {
  return programValues(readStackFile(stack).config ?? {});
}

/**
 * What is wrong in a stack's file, all of it, or undefined where nothing is.
 * @throws UserError where there is no such stack.
 */
export function configProblem(stack: string): string | undefined {
  try {
    parseConfig(stackValues(stack));
    return undefined;
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}
