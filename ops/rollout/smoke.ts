import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { UserError } from "../terminal/user-error.ts";

/**
 * Sends the settlement service the request that once answered 500, and reads back what it kept.
 * @param url The service's URL.
 * @param token A token of somebody who may call it.
 * @returns The HTTP status of the accepted command.
 * @throws UserError with the service's own answer where it refuses the command or does not keep it.
 */
export async function sendSettlementCommand(url: string, token: string): Promise<number> {
  const command = newCommand();
  const sent = await ask(url, token, "/commands", command);
  if (!sent.ok) throw new UserError(`The settlement command was refused (${sent.status}): ${await sent.text()}`);
  const kept = await ask(url, token, `/commands/${command.command_id}`);
  if (!kept.ok) throw new UserError(`The settlement command was not kept (${kept.status}): ${await kept.text()}`);
  return sent.status;
}

/** How long Google may take until a new binding or tag is known everywhere, and between two looks; milliseconds. */
const SPREADING = { longest: 120_000, pause: 2_000 };

/**
 * Tries a service as a user would, and leaves nothing behind: its health, a settlement command that it reads back and
 * takes back, and that nothing of the command is there afterwards.
 * @param url URL of the service, or of one of its revisions.
 * @param token A token of somebody who may call it.
 * @param patience How long the answers of Google's own front end are taken for a binding or a tag that is not known yet.
 * @throws UserError with the service's own answer at the first of these that fails.
 */
export async function smokeTest(url: string, token: string, patience = SPREADING.longest): Promise<void> {
  const end = Date.now() + patience;
  while (!(await isLetIn(url, token)) && Date.now() < end) await delay(SPREADING.pause);
  const command = newCommand();
  const answer = async (what: string, status: number, path: string, body?: object) => {
    const response = await ask(url, token, path, body);
    const text = await response.text();
    if (response.status !== status) throw new UserError(`${what} answered ${response.status}: ${text.slice(0, 500)}`);
    return text;
  };
  await answer("GET /health", 200, "/health");
  const row = parse(await answer("POST /smoke-test", 200, "/smoke-test", command));
  const differing = Object.entries(command).filter(([name, value]) => row[name] !== value);
  if (differing.length > 0) {
    const names = differing.map(([name]) => name).join(", ");
    throw new UserError(`POST /smoke-test read back another ${names} than was sent.`);
  }
  const path = `/commands/${command.command_id}`;
  await answer(`GET ${path}, of which nothing may be left,`, 404, path);
}

/** Whether it is the service that answers, and not Google in front of it. */
async function isLetIn(url: string, token: string): Promise<boolean> {
  return ![401, 403, 404].includes((await ask(url, token, "/health")).status);
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

/** Sends a body with POST, and asks with GET where there is none. */
function ask(url: string, token: string, path: string, body?: object): Promise<Response> {
  const headers = { authorization: `Bearer ${token}`, ...(body && { "content-type": "application/json" }) };
  const init = body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers };
  return fetch(url + path, init).catch((error: unknown) => {
    throw new UserError(`The settlement service at ${url} cannot be reached: ${String((error as Error).cause)}.`);
  });
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    throw new UserError(`POST /smoke-test did not answer with JSON: ${text.slice(0, 500)}`);
  }
}
