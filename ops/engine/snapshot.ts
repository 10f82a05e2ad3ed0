import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { formatConnectionString, parseConnectionString } from "../../infra/connection.ts";
import { replaceFile } from "../../packages/embedded-google-cloud/state/store.ts";
import { ROOT } from "./stack-file.ts";
import { readState, type State } from "./state.ts";
import { SECRET_SIGNATURE as SECRET, SIGNATURE } from "../terminal/values.ts";

/** A stack's state that can be published: it contains no secrets, and reading it needs no key. */
export interface Snapshot {
  readonly commit: string;
  /** When it was taken (ISO 8601). */
  readonly time: string;
  readonly state: State;
}

/** Pipelines keep this folder between their runs. */
function snapshotPath(stack: string): string {
  return join(ROOT, ".local", "snapshots", `${stack}.json`);
}

/** The published snapshot of a stack; undefined if there is none. */
export function readSnapshot(stack: string): Snapshot | undefined {
  const path = snapshotPath(stack);
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Snapshot) : undefined;
}

/** Writes a stack's snapshot, and returns its path. */
export async function publishSnapshot(stack: Stack): Promise<string> {
  const state = withoutSecrets(await readState(stack, { showSecrets: true }));
  const commit = execFileSync("git", ["rev-parse", "HEAD"], { cwd: ROOT, encoding: "utf8" }).trim();
  const snapshot: Snapshot = { commit, time: new Date().toISOString(), state };
  const path = snapshotPath(stack.name);
  mkdirSync(dirname(path), { recursive: true });
  replaceFile(path, JSON.stringify(snapshot, undefined, 1));
  return path;
}

/** URNs of resources that cannot be compared with a snapshot, which has placeholders for the contents of secrets. */
export function secretContents({ state }: Snapshot): string[] {
  const versions = (state.deployment.resources ?? []).filter(({ type }) =>
    /^gcp:secretmanager\/(s|regionalS)ecretVersion:/.test(type),
  );
  return versions.map(({ urn }) => urn);
}

type Json = string | number | boolean | null | readonly Json[] | Fields;
interface Fields {
  readonly [key: string]: Json;
}

/**
 * Replaces every secret with a placeholder, equal secrets with equal ones, so that a program's results match the state; a
 * connection string loses only its password. A value that also appears in plain text, such as a label, is no secret even if
 * the provider marks it as one.
 * @param state A state exported with secrets shown: each secret has its JSON in `plaintext`.
 */
export function withoutSecrets(state: State): State {
  const clear = new Set<string>();
  visit(state as unknown as Json, (text) => clear.add(text));
  const placeholders = new Map<string, string>();
  const placeholder = (text: string): string => {
    const known = placeholders.get(text) ?? `placeholder${placeholders.size + 1}`;
    placeholders.set(text, known);
    return known;
  };
  const replaced = (text: string): string => {
    if (clear.has(text)) return text;
    const parsed = parseConnectionString(text);
    if (!parsed.ok) return placeholder(text);
    return formatConnectionString({ ...parsed.value, password: placeholder(parsed.value.password) });
  };
  // The key that encrypts the secrets: JSON omits undefined properties.
  const deployment = { ...state.deployment, secrets_providers: undefined };
  const plain = JSON.parse(JSON.stringify({ ...state, deployment })) as Json;
  return map(plain, (secret) => map(secret, undefined, replaced)) as unknown as State;
}

/** Calls `text` with every string outside secrets. */
function visit(value: Json, text: (found: string) => void): void {
  if (typeof value === "string") text(value);
  else if (isObject(value) && value[SIGNATURE] === SECRET) return;
  else if (typeof value === "object" && value !== null) for (const inner of Object.values(value)) visit(inner, text);
}

/**
 * A copy of a value with secrets and scalars replaced.
 * @param secret Replaces a secret's value; it stays a secret.
 * @param text Replaces a string, number or boolean, given as a string.
 */
function map(value: Json, secret?: (shown: Json) => Json, text?: (found: string) => Json): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map((inner) => map(inner, secret, text));
  if (isObject(value)) {
    if (secret && value[SIGNATURE] === SECRET) {
      return { [SIGNATURE]: SECRET, plaintext: JSON.stringify(secret(JSON.parse(value.plaintext as string) as Json)) };
    }
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, map(inner, secret, text)]));
  }
  return text && value !== null ? text(`${value as string | number | boolean}`) : value;
}

function isObject(value: Json): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
