import { join } from "node:path";
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { type Migration, readRepeatables } from "../../infra/migrations/files.ts";
import type { SchemaState } from "../../infra/migrations/importer.ts";
import { squashedIn } from "../../infra/migrations/squash.ts";
import { Facts } from "../doctor/facts.ts";
import type { Contents } from "../doctor/login.ts";
import { CannotInspect, RestReader, NotVisible } from "../google/reader.ts";
import { readState } from "../engine/state.ts";
import { locate } from "../engine/target.ts";
import { UserError } from "../terminal/user-error.ts";
import { BY_LOGIN, type SchemaDrift } from "./drift.ts";
import { ROOT } from "../engine/stack-file.ts";

export const FROM_STATE = "Read from the stack's state; --socket DIR reads the database instead.";
export const FROM_DATABASE = "Read from the database.";

/** A version as the stack or the database has it, compared with the files of this checkout. */
export interface VersionStatus {
  /** Empty for a repeatable file. */
  readonly version: string;
  readonly file: string;
  /**
   * `edited`: applied, but the file has changed since. `missing`: applied, but not in this checkout. `squashed`: applied, and
   * replaced by a file of this checkout. `apply again`: a repeatable file whose text has changed since.
   */
  readonly status: "applied" | "pending" | "edited" | "missing" | "squashed" | "apply again";
  /** When it was applied, ISO 8601. */
  readonly at?: string;
  /** The id of the backup taken before it. */
  readonly backup?: string;
}

/** The schema in the stack's state; undefined before the first update. */
export async function appliedSchema(stack: Stack): Promise<{ urn: string; outputs: SchemaState } | undefined> {
  const { resources = [] } = (await readState<{ urn: string; type: string; outputs: SchemaState }>(stack)).deployment;
  return resources.find(({ type }) => type.endsWith(":ImportedSchema"));
}

/**
 * Compares the versions in the stack's state with the files of a checkout.
 * @param repeatables The repeatable files of the checkout, of which those that an update applies are listed; none by default.
 */
export function statusOf(
  state: SchemaState | undefined,
  files: readonly Migration[],
  repeatables: readonly Migration[] = [],
): VersionStatus[] {
  const applied = new Map(state?.migrations.map((migration) => [migration.version, migration]));
  const here = new Map(files.map((migration) => [migration.version, migration]));
  const versions = [...new Set([...applied.keys(), ...here.keys()])].sort().map((version): VersionStatus => {
    const done = applied.get(version);
    const file = here.get(version);
    const name = (file ?? done)?.file ?? version;
    if (!done) return { version, file: name, status: "pending" };
    const status = appliedStatus(version, done.checksum, files);
    return { version, file: name, status, ...state?.applied?.[version] };
  });
  return [...versions, ...due(repeatables, new Map(state?.repeatables?.map(({ checksum, file }) => [file, checksum])))];
}

/** The repeatable files that an update applies. @param former Checksum by file. */
function due(repeatables: readonly Migration[], former: ReadonlyMap<string, string>): VersionStatus[] {
  return repeatables
    .filter(({ checksum, file }) => former.get(file) !== checksum)
    .map(({ file }) => ({ version: "", file, status: former.has(file) ? "apply again" : "pending" }));
}

/**
 * Reads what the database records, through a Cloud SQL Auth Proxy and with the service's credential.
 * @param name The stack's name.
 * @param socket Folder of the proxy's sockets.
 * @param root Folder of the stack file and of the files that `npm start` keeps.
 * @throws UserError if the login is refused or the versions cannot be read.
 */
export async function recorded(
  name: string,
  socket: string,
  files: readonly Migration[],
  root = ROOT,
): Promise<Contents> {
  const login = await visible(factsOf(name, socket, files, root).loggedIn());
  if (!login.ok) throw new UserError(`The login was refused: ${login.message}.`);
  if (typeof login.contents === "string") throw new UserError(`The versions cannot be read: ${login.contents}.`);
  return login.contents;
}

/**
 * Compares the schema with what the versions make that the database records; arguments as for {@link recorded}.
 * @throws UserError if the login is refused, the schema cannot be read, or no version is recorded.
 */
export async function driftByLogin(
  name: string,
  socket: string,
  files: readonly Migration[],
  root = ROOT,
): Promise<SchemaDrift> {
  const differences = await visible(factsOf(name, socket, files, root).schemaDrift());
  if (!differences) throw new UserError(`The database of ${name} records no version.`);
  return { source: BY_LOGIN, differences };
}

function factsOf(name: string, socket: string, files: readonly Migration[], root: string): Facts {
  const { endpoints, target, token } = locate({ stack: name, socket }, root);
  // The database may have a version that the configuration rolls back.
  const { schemaVersion: _, ...all } = target;
  const repeatables = readRepeatables(join(root, "migrations"));
  return new Facts(all, new RestReader(endpoints, token), files, new Date(), undefined, repeatables);
}

function visible<T>(fact: Promise<T>): Promise<T> {
  return fact.catch((error: unknown) => {
    if (error instanceof NotVisible || error instanceof CannotInspect) throw new UserError(error.message);
    throw error;
  });
}

/** As {@link statusOf}, with what the database records. */
export function statusOfRecorded(
  { repeatables: former, versions: rows = new Map() }: Pick<Contents, "versions" | "repeatables">,
  files: readonly Migration[],
  repeatables: readonly Migration[] = [],
): VersionStatus[] {
  const here = new Map(files.map((migration) => [migration.version, migration]));
  const versions = [...new Set([...rows.keys(), ...here.keys()])].sort().map((version): VersionStatus => {
    const [row, file] = [rows.get(version), here.get(version)];
    const name = file?.file ?? version;
    if (!row) return { version, file: name, status: "pending" };
    const { at, backup, checksum } = row;
    const status = appliedStatus(version, checksum, files);
    return { version, file: name, status, ...(at && { at: at.toISOString() }), ...(backup !== null && { backup }) };
  });
  return [...versions, ...due(repeatables, former)];
}

/** @param checksum Null if dbmate applied it. */
function appliedStatus(version: string, checksum: string | null, files: readonly Migration[]): VersionStatus["status"] {
  const file = files.find((each) => each.version === version);
  if (file && [null, file.checksum].includes(checksum)) return "applied";
  if (files.some(({ text }) => squashedIn(text)[version] === checksum)) return "squashed";
  return file ? "edited" : "missing";
}

/**
 * One line per version.
 * @param source The last line, such as {@link FROM_STATE}.
 */
export function formatStatus(versions: readonly VersionStatus[], source: string): string {
  const digits = Math.max(...versions.map(({ version }) => version.length));
  const width = Math.max(8, ...versions.map(({ status }) => status.length));
  const lines = versions.map(({ version, status, at = "", backup, file }) => {
    const how = at && `${at.slice(0, 19)}Z  backup ${backup ?? "unknown"}`;
    return `${version.padEnd(digits)}  ${status.padEnd(width)}  ${how.padEnd(42)}  ${file}`.trimEnd();
  });
  return [...lines, source].join("\n");
}

/** One line per difference, and how the schema was read. */
export function formatDrift({ differences, source }: SchemaDrift): string {
  const lines = differences.length === 0 ? ["The schema is what the applied versions make."] : differences;
  return [...lines, source].join("\n");
}
