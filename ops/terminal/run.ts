import { GoogleError, OperationError } from "../../infra/google.ts";
import { MigrationFileError } from "../../infra/migrations/files.ts";
import { LockedError } from "../../packages/embedded-google-cloud/state/lock.ts";
import { StoreError } from "../../packages/embedded-google-cloud/state/store.ts";
import { catchSignals, interrupted } from "./interrupt.ts";
import { cliError } from "./cli-error.ts";
import { cut, printable } from "./values.ts";
import { UsageError, UserError } from "./user-error.ts";

/**
 * Runs a command: prints its help where asked, and turns errors into an exit code, 1 for what the user can mend and for
 * a failed update, 2 for a wrong command line, 70 for a fault of ours, with its stack trace, 128 and the signal's number
 * where a signal ended it.
 * @param help What `--help` prints.
 * @param command The command itself.
 */
export function run(help: string, command: () => Promise<void>): void {
  if (process.argv.includes("--help")) {
    process.stdout.write(help);
    return;
  }
  catchSignals();
  for (const stream of [process.stdout, process.stderr]) stream.on("error", ignoreBrokenPipe);
  command().catch((error: unknown) => {
    if (!interrupted.aborted) process.exitCode = report(error, help);
  });
}

/** Where whoever read the output has gone, as `| head` does, what was begun is still brought to its end. */
function ignoreBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
}

/** Errors whose message says what to do; no stack trace helps. */
const FOR_PEOPLE = [UserError, GoogleError, OperationError, StoreError, LockedError, MigrationFileError];

/**
 * Says what went wrong.
 * @param help What follows after a wrong command line.
 * @returns The exit code.
 */
export function report(error: unknown, help: string): number {
  if (!Error.isError(error)) throw error;
  if (error instanceof UsageError || (error as NodeJS.ErrnoException).code?.startsWith("ERR_PARSE_ARGS")) {
    console.error(`${readable(error.message)}\n\n${help}`);
    return 2;
  }
  if (FOR_PEOPLE.some((known) => error instanceof known)) {
    const remedy = error instanceof StoreError ? " Start over with: npm start -- --reset" : "";
    console.error(readable(error.message) + remedy);
    return 1;
  }
  if (error.name === "CommandError") {
    console.error(cliError(error));
    return 1;
  }
  console.error(error.stack);
  return 70;
}

/** Longest line of a message, in characters. */
const LONGEST = 1000;

/** A message as a terminal and a log may have it. */
function readable(message: string): string {
  return message
    .split("\n")
    .map((line) => cut(printable(line), LONGEST))
    .join("\n");
}
