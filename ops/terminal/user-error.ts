/** An error that the user can fix. Commands print its message without a stack trace and exit with 1. */
export class UserError extends Error {
  override readonly name = "UserError";
}

/** A wrong command line. Commands print the message and the help, and exit with 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
