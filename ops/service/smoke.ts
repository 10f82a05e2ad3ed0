import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { PROPAGATION } from "../../infra/google.ts";
import { UserError } from "../terminal/user-error.ts";

/**
 * Sends a settlement command to a service, and reads it back.
 * @param token An invoker's token.
 * @returns The HTTP status of the accepted command.
 * @throws UserError with the service's response if it rejects or does not store the command.
 */
export async function sendSettlementCommand(url: string, token: string): Promise<number> {
  const command = newCommand();
  const sent = await request(url, token, "/commands", command);
  if (!sent.ok) throw new UserError(`The settlement command was rejected (${sent.status}): ${await sent.text()}`);
  const stored = await request(url, token, `/commands/${command.command_id}`);
  if (!stored.ok)
    throw new UserError(`The settlement command was not stored (${stored.status}): ${await stored.text()}`);
  return sent.status;
}

/** A response that a client does not expect. */
export class Refused extends UserError {
  /** Such as `GET /health`. */
  readonly request: string;
  readonly status: number;
  /** The response's body. */
  readonly body: string;

  constructor(request: string, status: number, body: string) {
    super(`${request} answered ${status}: ${body.slice(0, 500)}`);
    this.request = request;
    this.status = status;
    this.body = body;
  }
}

/** The polling interval, in milliseconds. */
const PAUSE = 2_000;

/**
 * Tests a service as a client: its health, a settlement command that it stores, reads back and rolls back, and that the
 * command is gone afterwards.
 * @param url URL of the service, or of one of its revisions.
 * @param token An invoker's token; undefined to call without one, which a public service accepts.
 * @param say Prints a line that says what it waits for.
 * @param patience How long to retry while Google's front end rejects the calls, in milliseconds; seven minutes by default.
 * @param signal Ends the test; undefined by default.
 * @throws Refused with the service's response at the first failure; UserError if the service cannot be reached.
 */
export async function smokeTest(
  url: string,
  token: string | undefined,
  say: (line: string) => void,
  patience = PROPAGATION,
  signal?: AbortSignal,
): Promise<void> {
  const end = Date.now() + patience;
  const reach = async () => (await request(url, token, "/health", undefined, signal)).status;
  let announced = false;
  for (let status = await reach(); [401, 403, 404].includes(status); status = await reach()) {
    if (Date.now() >= end) break;
    if (!announced) say(waiting(status, patience));
    announced = true;
    await delay(PAUSE);
  }
  const command = newCommand();
  const answer = async (what: string, status: number, path: string, body?: object) => {
    const response = await request(url, token, path, body, signal);
    const text = await response.text();
    if (response.status !== status) throw new Refused(what, response.status, text);
    return text;
  };
  await answer("GET /health", 200, "/health");
  const row = parse(await answer("POST /smoke-test", 200, "/smoke-test", command));
  const differing = Object.entries(command).filter(([name, value]) => row[name] !== value);
  if (differing.length > 0) {
    const names = differing.map(([name]) => name).join(", ");
    throw new UserError(`POST /smoke-test read back different values than were sent for ${names}.`);
  }
  const path = `/commands/${command.command_id}`;
  await answer(`GET ${path} after the rollback`, 404, path);
}

function waiting(status: number, patience: number): string {
  const what = status === 404 ? "a new tag" : "a new binding of roles/run.invoker";
  return `Google answers ${status}; waiting up to ${patience / 60_000} minutes, because ${what} may take that long to act ...`;
}

function newCommand() {
  return {
    command_id: randomUUID(),
    workflow_id: "smoke-test",
    account_ref: "smoke-test",
    payer: "alice",
    payee: "bob",
    asset_symbol: "USDC",
    amount_numeric: "12.500000000000000000",
    status: "RECEIVED",
  };
}

/** Sends a body with POST, or a GET without one. */
function request(
  url: string,
  token: string | undefined,
  path: string,
  body?: object,
  signal?: AbortSignal,
): Promise<Response> {
  const headers = {
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(body && { "content-type": "application/json" }),
  };
  const init = body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers };
  return fetch(url + path, { ...init, ...(signal && { signal }) }).catch((error: unknown) => {
    const { cause, message } = error as Error;
    const why = cause instanceof Error ? String(cause) : message;
    throw new UserError(`The settlement service at ${url} cannot be reached: ${why}.`);
  });
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    throw new UserError(`POST /smoke-test did not respond with JSON: ${text.slice(0, 500)}`);
  }
}
