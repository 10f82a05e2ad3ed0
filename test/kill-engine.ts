import { setTimeout as delay } from "node:timers/promises";
import type { Injection } from "../packages/embedded-google-cloud/server/faults.ts";
import { killAll, only, running } from "./processes.ts";

/**
 * Kills the engine of an update in this process while a call of it gets no answer.
 * @param update It may fail, but only because of this.
 * @param silent The fault that keeps the answer, which is removed then.
 */
export async function killEngine(update: Promise<unknown>, silent: Injection): Promise<void> {
  let ended = "";
  const killed = update.then(
    () => (ended = "The update was not interrupted."),
    (error: unknown) => (ended = String(error)),
  );
  while (silent.struck.length === 0 && ended === "") await delay(10);
  expect(ended).toBe("");
  killAll(only(running().filter(({ args, parent }) => parent === process.pid && args.includes("pulumi up "))));
  await killed;
  silent.remove();
}
