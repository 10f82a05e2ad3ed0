import { randomUUID } from "node:crypto";
import { UserError } from "./user-error";

/**
 * Sends the settlement service the request that once answered 500, and reads back what it kept.
 * @param url The service's URL.
 * @param token A token of somebody who may call it.
 * @returns The HTTP status of the accepted command.
 * @throws UserError with the service's own answer where it refuses the command or does not keep it.
 */
export async function sendSettlementCommand(url: string, token: string): Promise<number> {
  const command = {
    command_id: randomUUID(),
    workflow_id: "smoke-test",
    account_ref: "smoke-test",
    payer: "alice",
    payee: "bob",
    asset_symbol: "USDC",
    amount_numeric: "12.500000000000000000",
    status: "RECEIVED",
  };
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const ask = (path: string, init: RequestInit) =>
    fetch(url + path, { ...init, headers }).catch((error: unknown) => {
      throw new UserError(`The settlement service at ${url} cannot be reached: ${String((error as Error).cause)}.`);
    });
  const sent = await ask("/commands", { method: "POST", body: JSON.stringify(command) });
  if (!sent.ok) throw new UserError(`The settlement command was refused (${sent.status}): ${await sent.text()}`);
  const kept = await ask(`/commands/${command.command_id}`, {});
  if (!kept.ok) throw new UserError(`The settlement command was not kept (${kept.status}): ${await kept.text()}`);
  return sent.status;
}
