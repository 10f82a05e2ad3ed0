import { once, setMaxListeners } from "node:events";
import { constants } from "node:os";

/** A terminal sends SIGINT on Ctrl-C and SIGHUP when it is closed. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

const controller = new AbortController();

/** Aborted by the first signal, so that long-running work can shut down cleanly; a second signal exits immediately. */
export const interrupted: AbortSignal = controller.signal;

// The Automation API leaks a listener per engine run, and a rollout has several runs.
setMaxListeners(0, interrupted);

/** Makes signals abort {@link interrupted} and set the exit code instead of killing this process. */
export function catchSignals(): void {
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      const code = 128 + constants.signals[signal];
      if (interrupted.aborted) process.exit(code);
      process.exitCode = code;
      console.error("Shutting down; press Ctrl-C again to force quit.");
      controller.abort(new Interruption());
    });
  }
}

/** A signal asked the command to stop. */
export class Interruption extends Error {
  override readonly name = "Interruption";
}

/** Waits for the first signal. */
export async function untilInterrupted(): Promise<void> {
  if (!interrupted.aborted) await once(interrupted, "abort");
}
