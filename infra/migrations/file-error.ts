/** An invalid file in the migrations folder; the message names it. */
export class MigrationFileError extends Error {
  override readonly name = "MigrationFileError";
  /** Marks a Pulumi RunError, which a program ends with without a stack trace; the class itself loads the whole SDK. */
  readonly __pulumiRunError = true;
}
