/** An invalid file in the migrations folder; the message names it. */
export class MigrationFileError extends Error {
  override readonly name = "MigrationFileError";
}
