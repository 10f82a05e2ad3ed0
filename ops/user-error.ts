/** Something the user can mend. Commands print the message alone, without a stack trace, and end with exit code 1. */
export class UserError extends Error {
  override readonly name = "UserError";
}
