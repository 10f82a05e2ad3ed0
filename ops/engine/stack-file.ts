import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parse, parseDocument, stringify } from "yaml";
import { replaceFile, StoreError } from "../../packages/embedded-google-cloud/state/store.ts";
import { nearest } from "../terminal/nearest.ts";
import { UserError } from "../terminal/user-error.ts";

/** The repository's root, which contains the stack files. */
export const ROOT = join(import.meta.dirname, "..", "..");

/** The backend (`PULUMI_BACKEND_URL`) of each shared stack, by name. */
export const BACKENDS: Readonly<Record<string, string>> = {
  staging: "gs://fusion-prime-staging-pulumi-state",
  prod: "gs://fusion-prime-pulumi-state",
};

/** The backend of a shared stack: `PULUMI_BACKEND_URL` if set, else from {@link BACKENDS}; undefined if in neither. */
export function backendOf(stack: string): string | undefined {
  return process.env.PULUMI_BACKEND_URL ?? BACKENDS[stack];
}

/** The parts of a stack file used here. */
export interface StackFile {
  /** Values by key, such as `gcp:region`. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** The key that encrypts the state's data key, such as `gcpkms://projects/P/locations/L/keyRings/R/cryptoKeys/K`. */
  readonly secretsprovider?: string;
  /** The state's data key, encrypted; `pulumi stack init` writes it. */
  readonly encryptedkey?: string;
  /** The salt of a passphrase, used instead of a key. */
  readonly encryptionsalt?: string;
}

/** Path of a stack's file in a folder, by default the repository. */
export function stackPath(stack: string, folder = ROOT): string {
  return join(folder, `Pulumi.${stack}.yaml`);
}

/** Says that a folder has no file of a stack, which it has, and which name is near. */
export function noStack(stack: string, folder = ROOT): string {
  const names = readdirSync(folder).flatMap((file) => /^Pulumi\.([\w-]+)\.yaml$/.exec(file)?.[1] ?? []);
  const near = nearest(stack, names);
  const guess = near === undefined ? "" : ` Did you mean ${near}?`;
  return `There is no stack "${stack}": ${basename(stackPath(stack))} does not exist.${guess} The stacks are ${names.join(", ")}.`;
}

/**
 * Reads a stack's file from a folder, by default the repository.
 * @throws UserError if the file does not exist, is empty or is not a stack file; StoreError if the engine's copy is empty.
 */
export function readStackFile(stack: string, folder = ROOT): StackFile {
  const path = stackPath(stack, folder);
  if (!existsSync(path)) throw new UserError(noStack(stack, folder));
  const file = parsed(path);
  if (file === null && folder === ROOT) {
    throw new UserError(`${path} is empty: restore it, for example with git restore ${basename(path)}.`);
  }
  if (file === null) throw new StoreError(path, "it is empty");
  const { config = {} } = file;
  if (!isObject(file) || !isObject(config))
    throw new UserError(`${path} is not a stack file: config must map keys to values.`);
  return file;
}

/**
 * Changes a value in a stack's file, and keeps the rest, including comments.
 * @param path The key, such as `settlement:schema`, and the keys below it.
 * @param folders The folder of the file and that of the engine's copy, which may be the same.
 * @returns Restores the files.
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
 * Writes the engine's copy of a stack file and of the project file.
 * @param folder The engine's working folder.
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
    // The other lines quote the file, which may contain secrets.
    const [first = ""] = (error as Error).message.split("\n");
    throw new UserError(`${path} cannot be read: ${first}`);
  }
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
