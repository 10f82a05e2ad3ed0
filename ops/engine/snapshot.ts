import type { Stack } from "@pulumi/pulumi/automation/index.js";
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

/**
 * Writes a stack's snapshot, and returns its path.
 * @param commit That of the program that made the state.
 */
export async function publishSnapshot(stack: Stack, commit: string): Promise<string> {
  const state = withoutSecrets(await readState(stack, { showSecrets: true }));
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

/** The label that the official provider adds to every resource, with the value "true": only in outputs that it calls secret. */
const PULUMI_LABEL = "goog-pulumi-provisioned";

/**
 * Replaces every secret with a placeholder, equal secrets with equal ones, so that a program's results match the state; a
 * connection string loses only its password. A value that also appears in plain text, such as a label, is no secret even if
 * the provider marks it as one; nor is the label {@link PULUMI_LABEL}.
 * @param state A state exported with secrets shown: each secret has its JSON in `plaintext`.
 */
export function withoutSecrets(state: State): State {
  const clear = new Set<unknown>();
  JSON.stringify(state, (_key, value: unknown) => {
    if (isSecret(value)) return undefined;
    clear.add(value);
    return value;
  });
  const placeholders = new Map<string, string>();
  const placeholder = (text: string): string => {
    const known = placeholders.get(text) ?? `placeholder${placeholders.size + 1}`;
    placeholders.set(text, known);
    return known;
  };
  const replaced = (key: string, value: string | number | boolean | object | null) => {
    if (typeof value === "object") return value;
    const text = String(value);
    if (clear.has(text) || (key === PULUMI_LABEL && text === "true")) return text;
    const parsed = parseConnectionString(text);
    if (!parsed.ok) return placeholder(text);
    return formatConnectionString({ ...parsed.value, password: placeholder(parsed.value.password) });
  };
  // The key that encrypts the secrets: JSON omits undefined properties.
  const deployment = { ...state.deployment, secrets_providers: undefined };
  return JSON.parse(JSON.stringify({ ...state, deployment }), (_key, value: unknown) =>
    isSecret(value) ? { ...value, plaintext: JSON.stringify(JSON.parse(value.plaintext, replaced)) } : value,
  ) as State;
}

function isSecret(value: unknown): value is { readonly plaintext: string } {
  return typeof value === "object" && value !== null && SIGNATURE in value && value[SIGNATURE] === SECRET;
}
