import { subscribe } from "node:diagnostics_channel";
import { faultsOf, findMethod } from "../../packages/embedded-google-cloud/contract/contract.ts";
import type { Answer } from "../../packages/embedded-google-cloud/server/server.ts";

/** Holds every answer of an embedded cloud in a test's process against Google's discovery documents. */
const faults = new Set<string>();

subscribe("embedded-google-cloud:answer", (message) => {
  const { request, status, payload } = message as Answer;
  const [path = ""] = request.url.split("?");
  const method = findMethod(request.method, path);
  if (!method || status >= 300 || typeof payload !== "string" || !payload.startsWith("{")) return;
  for (const fault of faultsOf(method, JSON.parse(payload))) faults.add(`${method.id}: ${fault}`);
});

afterAll(() => {
  expect([...faults]).toEqual([]);
});
