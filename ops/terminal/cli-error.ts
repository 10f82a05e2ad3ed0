import { printable } from "./values.ts";

/** The last lines of a CommandError's stderr, as one line; for when the CLI failed before it reported an event. */
export function cliError(error: Error): string {
  const stderr = /stderr: ([\s\S]*?)(?:\n err\?:|$)/.exec(error.message)?.[1] ?? error.message;
  const lines = stderr.split("\n").map((line) => line.replace(/^error: /, "").trim());
  const words = lines.filter((line) => line !== "" && !line.startsWith("Command failed"));
  return printable(words.slice(-3).join(" ") || "The engine failed and did not say why.");
}
