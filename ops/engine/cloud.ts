import { isHeldOpen } from "./held-open.ts";
import { localFolder } from "./private-folder.ts";

/**
 * Calls a stack's cloud without the engine. For `local` that is the embedded cloud of `npm start -- --keep`, or else one that
 * runs as long as the work, as for the commands that need the engine.
 * @param stack The name; undefined for a project without a stack, which is on Google.
 * @param say Prints a line of progress.
 */
export async function withCloud<T>(
  stack: string | undefined,
  say: (line: string) => void,
  work: () => Promise<T>,
): Promise<T> {
  const folder = localFolder();
  if (stack !== "local" || isHeldOpen(folder)) return work();
  const { openCloud } = await import("./local.ts"); // lazily, since it is large
  const stop = await openCloud(folder, say);
  try {
    return await work();
  } finally {
    await stop();
  }
}
