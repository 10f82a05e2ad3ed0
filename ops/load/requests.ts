import type { Request } from "./client.ts";

const body = JSON.stringify({
  command_id: "load-[<id>]",
  workflow_id: "load",
  account_ref: "load",
  payer: "alice",
  payee: "bob",
  asset_symbol: "USDC",
  amount_numeric: "12.500000000000000000",
  status: "RECEIVED",
});

/** Stores a settlement command. */
export const COMMAND: Request = { method: "POST", path: "/commands", body, expected: 200 };

/** Stores a settlement command, reads it back, and rolls back, on a connection that is then closed. */
export const ROLLED_BACK: Request = { method: "POST", path: "/smoke-test", body, expected: 200 };
