import type { Stack } from "@pulumi/pulumi/automation/index.js";
import type { Migration } from "../../infra/migrations/files.ts";
import type { SchemaState } from "../../infra/migrations/importer.ts";
import { Facts } from "../doctor/facts.ts";
import type { Recorded } from "../doctor/login.ts";
import { CannotInspect, RestReader, NotVisible } from "../google/reader.ts";
import { readState } from "../engine/state.ts";
import { locate } from "../engine/target.ts";
import { UserError } from "../terminal/user-error.ts";
import { ROOT } from "../engine/stack-file.ts";

export const FROM_STATE = "As the stack's state has it; the database itself was not asked (--socket DIR asks it).";
export const FROM_DATABASE = "As the database itself records it.";

/** Where a version stands: what the stack applied, compared with the files of this checkout. */
export interface VersionStatus {
  readonly version: string;
  readonly file: string;
  /** `edited`: applied, and the file is another now. `missing`: applied, and this checkout has no such file. */
  readonly status: "applied" | "pending" | "edited" | "missing";
  /** When it was applied, ISO 8601; undefined where it is pending. */
  readonly at?: string;
  /** The backup that was taken before. */
  readonly backup?: string;
}

/** The schema as the stack's state has it; undefined where none was applied yet. */
export async function appliedSchema(stack: Stack): Promise<{ urn: string; outputs: SchemaState } | undefined> {
  const { resources = [] } = (await readState<{ urn: string; type: string; outputs: SchemaState }>(stack)).deployment;
  return resources.find(({ type }) => type.endsWith(":ImportedSchema"));
}

/**
 * Compares what is applied with the files of a checkout.
 * @param state The schema in the stack's state.
 * @param files The files of the checkout.
 */
export function statusOf(state: SchemaState | undefined, files: readonly Migration[]): VersionStatus[] {
  const applied = new Map(state?.migrations.map((migration) => [migration.version, migration]));
  const here = new Map(files.map((migration) => [migration.version, migration]));
  return [...new Set([...applied.keys(), ...here.keys()])].sort().map((version) => {
    const done = applied.get(version);
    const file = here.get(version);
    const name = (file ?? done)?.file ?? version;
    if (!done) return { version, file: name, status: "pending" };
    const status = !file ? "missing" : file.checksum === done.checksum ? "applied" : "edited";
    return { version, file: name, status, ...state?.applied?.[version] };
  });
}

/**
 * Asks the database itself, by a login through the sockets of a Cloud SQL Auth Proxy, with the credential that the
 * service uses.
 * @param name The stack's name.
 * @param socket Folder of the proxy's sockets.
 * @param root Where the stack file is, and what `npm start` keeps.
 * @throws UserError where the login is refused or shows nothing.
 */
export async function recordedVersions(
  name: string,
  socket: string,
  files: readonly Migration[],
  root = ROOT,
): Promise<ReadonlyMap<string, Recorded>> {
  const { endpoints, target, token } = locate({ stack: name, socket }, root);
  const facts = new Facts(target, new RestReader(endpoints, token), files, new Date());
  const login = await facts.loggedIn().catch((error: unknown) => {
    if (error instanceof NotVisible || error instanceof CannotInspect) throw new UserError(error.message);
    throw error;
  });
  if (!login.ok) throw new UserError(`The login was refused: ${login.message}.`);
  if (typeof login.contents === "string") throw new UserError(`The versions cannot be read: ${login.contents}.`);
  return login.contents.versions ?? new Map();
}

/** Compares what the database records with the files of a checkout. */
export function statusOfRecorded(
  recorded: ReadonlyMap<string, Recorded>,
  files: readonly Migration[],
): VersionStatus[] {
  const here = new Map(files.map((migration) => [migration.version, migration]));
  return [...new Set([...recorded.keys(), ...here.keys()])].sort().map((version) => {
    const [held, file] = [recorded.get(version), here.get(version)];
    const name = file?.file ?? version;
    if (!held) return { version, file: name, status: "pending" };
    const { at, backup, checksum } = held;
    const alike = checksum === null || checksum === file?.checksum;
    const status = !file ? "missing" : alike ? "applied" : "edited";
    return { version, file: name, status, ...(at && { at: at.toISOString() }), ...(backup !== null && { backup }) };
  });
}

/**
 * One line a version, and where they come from.
 * @param source The last line, such as {@link FROM_STATE}.
 */
export function formatStatus(versions: readonly VersionStatus[], source: string): string {
  const lines = versions.map(({ version, status, at = "", backup, file }) => {
    const how = at && `${at.slice(0, 19)}Z  backup ${backup ?? "unknown"}`;
    return `${version}  ${status.padEnd(8)}  ${how.padEnd(42)}  ${file}`.trimEnd();
  });
  return [...lines, source].join("\n");
}
