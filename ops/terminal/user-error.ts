/** Something the user can mend. Commands print the message alone, without a stack trace, and end with exit code 1. */
export class UserError extends Error {
  override readonly name = "UserError";
}

/** A command line that says something else than the help. Commands print the message and the help, and end with 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
