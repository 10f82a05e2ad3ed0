import { AsyncLocalStorage } from "node:async_hooks";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Call } from "../../packages/console/data.ts";
import type { Used } from "../../packages/embedded-google-cloud/iam/access.ts";
import type { Answer } from "../../packages/embedded-google-cloud/server/server.ts";
import { READER } from "./cloud.ts";

/** How many calls are kept. */
const KEPT = 300;

/** Methods that read, although they are sent with POST. */
const READS = /:(getIamPolicy|testIamPermissions|wait|generateAccessToken|generateIdToken)$|\/entries:list$/;

/** What the feed tells. */
export interface CallsOptions {
  /** Gets the newest calls, the last one first. */
  readonly onCalls: (calls: readonly Call[]) => void;
  /** A call changed something, or a request reached the service. */
  readonly onChange: (what: "cloud" | "service") => void;
  /** Gets each secret that a call sets. */
  readonly onSecret: (value: string) => void;
}

/**
 * Listens to the calls of Google's APIs that the embedded cloud of this process answers, without those of the console.
 * @returns Ends it.
 */
export function followCalls({ onCalls, onChange, onSecret }: CallsOptions): () => void {
  const used = new AsyncLocalStorage<Set<string>>();
  let calls: readonly Call[] = [];
  let count = 0;

  const onStart = () => {
    used.enterWith(new Set());
  };
  const onUsed = (message: unknown) => {
    used.getStore()?.add((message as Used).permission);
  };
  const onAnswer = (message: unknown) => {
    const { payload, request, status } = message as Answer;
    const path = request.url.replace(/\?.*/, "");
    if (path.startsWith("/run/")) {
      onChange("service");
      return;
    }
    if (request.headers["user-agent"] === READER) return;
    for (const value of secretsIn(request.body)) onSecret(value);
    const declared = request.routeOptions.config.permission;
    const permissions = new Set([
      ...(declared === undefined || status === 403 ? [] : [declared]),
      ...(used.getStore() ?? []),
    ]);
    const problem = status >= 400 ? errorIn(payload) : undefined;
    const call = {
      ...{ id: ++count, at: new Date().toISOString(), method: request.method, path, caller: request.caller, status },
      permissions: [...permissions],
      ...(problem !== undefined && { message: problem }),
    };
    calls = [call, ...calls].slice(0, KEPT);
    onCalls(calls);
    if (request.method !== "GET" && status < 400 && !READS.test(path)) onChange("cloud");
  };

  const listeners = [
    ["http.server.request.start", onStart],
    ["embedded-google-cloud:permission", onUsed],
    ["embedded-google-cloud:answer", onAnswer],
  ] as const;
  for (const [channel, listener] of listeners) subscribe(channel, listener);
  return () => {
    for (const [channel, listener] of listeners) unsubscribe(channel, listener);
  };
}

/** The passwords and versions of secrets in a body. */
function secretsIn(body: unknown): string[] {
  const { password, payload } = (body ?? {}) as { password?: unknown; payload?: { data?: unknown } };
  return [
    ...(typeof password === "string" ? [password] : []),
    ...(typeof payload?.data === "string" ? [Buffer.from(payload.data, "base64").toString()] : []),
  ];
}

function errorIn(payload: unknown): string | undefined {
  if (typeof payload !== "string") return undefined;
  try {
    return (JSON.parse(payload) as { error?: { message?: string } }).error?.message;
  } catch {
    return undefined;
  }
}
