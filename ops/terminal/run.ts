import { GoogleError, OperationError } from "../../infra/google.ts";
import { MigrationFileError } from "../../infra/migrations/file-error.ts";
import { LockedError } from "../../packages/embedded-google-cloud/state/lock.ts";
import { StoreError } from "../../packages/embedded-google-cloud/state/store.ts";
import { catchSignals, interrupted } from "./interrupt.ts";
import { cliError } from "./cli-error.ts";
import { machineError } from "./machine-error.ts";
import { exceptLoopback } from "./proxy.ts";
import { cut, printable } from "./values.ts";
import { UsageError, UserError } from "./user-error.ts";

/**
 * Runs a command, or prints its help. Exit codes: 1 for an error that the user can fix or a failed update, 2 for a wrong
 * command line, 70 for a bug, with its stack trace, and 128 plus the signal's number after a signal.
 * @param help What `--help` prints.
 */
export function run(help: string, command: () => Promise<void>): void {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", reportLostOutput);
  if (process.argv.includes("--help")) {
    process.stdout.write(help);
    return;
  }
  catchSignals();
  exceptLoopback();
  command().catch((error: unknown) => {
    if (!interrupted.aborted) process.exitCode = report(error, help);
  });
}

let isLost = false;

/** A command finishes its work even if the reader of its output, such as `| head`, has exited, or the disk is full. */
function reportLostOutput(error: NodeJS.ErrnoException): void {
  if (error.code === "EPIPE" || isLost) return;
  isLost = true;
  console.error(`The output cannot be written. ${machineError(error) ?? error.message}`);
  process.on("exit", () => {
    if ([undefined, 0].includes(process.exitCode as number | undefined)) process.exitCode = 1;
  });
}

/** Errors whose message says what to do; a stack trace would not help. */
const EXPECTED = [UserError, GoogleError, OperationError, StoreError, LockedError, MigrationFileError];

/**
 * Prints an error.
 * @param help Printed after the message if the command line is wrong.
 * @returns The exit code.
 */
export function report(error: unknown, help: string): number {
  if (!Error.isError(error)) throw error;
  if (error instanceof UsageError || (error as NodeJS.ErrnoException).code?.startsWith("ERR_PARSE_ARGS")) {
    console.error(`${readable(error.message)}\n\n${help}`);
    return 2;
  }
  if (EXPECTED.some((known) => error instanceof known)) {
    const remedy = error instanceof StoreError ? " Start over with: npm start -- --reset" : "";
    console.error(readable(error.message) + remedy);
    return 1;
  }
  const ofMachine = machineError(error);
  if (ofMachine !== undefined) {
    console.error(readable(ofMachine));
    return 1;
  }
  if (error.name === "CommandError") {
    console.error(cliError(error));
    return 1;
  }
  console.error(error.stack);
  return 70;
}

/** A message that is safe to print in a terminal and a log. */
function readable(message: string): string {
  const lines = message.split("\n").map((line) => cut(printable(line), 1000));
  return lines.join("\n");
}
