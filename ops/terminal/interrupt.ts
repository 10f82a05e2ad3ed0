import { setMaxListeners } from "node:events";
import { constants } from "node:os";

/** The signals that end a command; a terminal sends the first on Ctrl-C and the last when it is closed. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

const controller = new AbortController();

/**
 * Aborted by the first signal that asks the command to end. What takes long listens to it, so that the command can end
 * what it started; a second signal ends it at once.
 */
export const interrupted: AbortSignal = controller.signal;

// The Automation API leaves a listener behind with each run of the engine; a rollout has several.
setMaxListeners(0, interrupted);

/** From now on a signal does not kill this process but aborts {@link interrupted}, and decides the exit code. */
export function catchSignals(): void {
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      const code = 128 + constants.signals[signal];
      if (interrupted.aborted) process.exit(code);
      process.exitCode = code;
      console.error("Ending; once more to end at once.");
      controller.abort(new Interruption());
    });
  }
}

/** The command was asked to end. */
export class Interruption extends Error {
  override readonly name = "Interruption";
}

/** Waits until the command is asked to end. */
export function untilInterrupted(): Promise<void> {
  return new Promise((resolve) => {
    if (interrupted.aborted) resolve();
    interrupted.addEventListener("abort", () => {
      resolve();
    });
  });
}
