import { GoogleError, OperationError } from "../../infra/google.ts";
import { MigrationFileError } from "../../infra/migrations/file-error.ts";
import { LockedError } from "../../packages/embedded-google-cloud/state/lock.ts";
import { StoreError } from "../../packages/embedded-google-cloud/state/store.ts";
import { catchSignals, interrupted } from "./interrupt.ts";
import { cliError } from "./cli-error.ts";
import { keptByNpm } from "./kept-by-npm.ts";
import { machineError } from "./machine-error.ts";
import { exceptLoopback } from "./proxy.ts";
import { cut, printable } from "./values.ts";
import { UsageError, UserError } from "./user-error.ts";

/** The exit codes of every command, as its `--help` says them. */
export const EXIT_CODES = `
Exit code:
  0    it is done, and nothing is wrong
  1    something is wrong, was refused or failed; the output says what
  2    the command line is wrong
  3    it could not be found out, for example without permission
  70   a bug in the command; its stack trace is printed
  128  and the signal's number, after a signal: 130 after Ctrl-C
`;

/**
 * Runs a command, or prints its help.
 * @param help What `--help` prints before {@link EXIT_CODES}.
 */
export function run(help: string, command: () => Promise<void>): void {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", reportLostOutput);
  if (process.argv.includes("--help")) {
    process.stdout.write(help + EXIT_CODES);
    return;
  }
  const kept = keptByNpm(help);
  if (kept?.isCertain) {
    console.error(kept.sentence);
    process.exitCode = 2;
    return;
  }
  catchSignals();
  exceptLoopback();
  command().catch((error: unknown) => {
    if (interrupted.aborted) return;
    process.exitCode = report(error, help);
    if (kept) console.error(kept.sentence);
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
    return error instanceof UserError ? error.exitCode : 1;
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
