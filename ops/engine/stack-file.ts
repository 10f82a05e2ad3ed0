import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, parseDocument, stringify } from "yaml";
import { replaceFile, StoreError } from "../../packages/embedded-google-cloud/state/store.ts";
import { UserError } from "../terminal/user-error.ts";

/** The repository's root, where the stack files are. */
export const ROOT = join(import.meta.dirname, "..", "..");

/** Where the state of each shared stack is, by the stack's name: the value of `PULUMI_BACKEND_URL`. */
export const BACKENDS: Readonly<Record<string, string>> = {
  staging: "gs://fusion-prime-staging-pulumi-state",
  prod: "gs://fusion-prime-pulumi-state",
};

/**
 * Where a shared stack's state is: the value of `PULUMI_BACKEND_URL`.
 * @returns Undefined where nobody knows.
 */
export function backendOf(stack: string): string | undefined {
  return process.env.PULUMI_BACKEND_URL ?? BACKENDS[stack];
}

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
 * @throws UserError where there is no such stack, or the file is no stack file; StoreError where it is empty.
 */
export function readStackFile(stack: string, folder = ROOT): StackFile {
  const path = stackPath(stack, folder);
  if (!existsSync(path)) throw new UserError(`There is no ${path}: a stack is a file Pulumi.<stack>.yaml.`);
  const file = parsed(path);
  if (file === null) throw new StoreError(path, "it is empty");
  const { config = {} } = file;
  if (!isObject(file) || !isObject(config)) throw new UserError(`${path} does not hold the keys of a stack: config.`);
  return file;
}

/**
 * Changes a value in a stack's file, and leaves the rest as it stands, comments too.
 * @param path The key, such as `settlement:schema`, and the keys below it.
 * @param folders Where the file is, and where the engine's copy of it is, which may be the same.
 * @returns Puts back what the files were.
 */
export function setInStackFile(
  stack: string,
  path: readonly string[],
  value: unknown,
  folders: readonly string[],
): () => void {
  const files = [...new Set(folders)].map((folder) => stackPath(stack, folder));
  const before = files.map((file) => [file, readFileSync(file, "utf8")] as const);
  for (const [file, text] of before) {
    const document = parseDocument(text);
    document.setIn(["config", ...path], value);
    writeFileSync(file, document.toString());
  }
  return () => {
    for (const [file, text] of before) writeFileSync(file, text);
  };
}

/**
 * Writes the engine's own copy of a stack's file, and of the project's.
 * @param folder The folder that the engine works in.
 * @param plugins The `plugins` of the project file; none by default.
 */
export function writeStackCopy(stack: string, folder: string, file: StackFile, plugins?: object): void {
  const project = parse(readFileSync(join(ROOT, "Pulumi.yaml"), "utf8")) as object;
  replaceFile(join(folder, "Pulumi.yaml"), stringify({ ...project, ...(plugins && { plugins }) }));
  replaceFile(stackPath(stack, folder), stringify(file));
}

function parsed(path: string): StackFile | null {
  try {
    return parse(readFileSync(path, "utf8")) as StackFile | null;
  } catch (error) {
    // The lines below the first show the file, which may hold what must not be shown.
    const [first = ""] = (error as Error).message.split("\n");
    throw new UserError(`${path} cannot be read: ${first}`);
  }
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
