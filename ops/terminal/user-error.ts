/** An error that the user can fix. Commands print its message without a stack trace. */
export class UserError extends Error {
  override readonly name = "UserError";
  /** One of `EXIT_CODES` in `run.ts`. */
  readonly exitCode: number = 1;
}

/** A wrong command line. Commands print the message and the help, and exit with 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
