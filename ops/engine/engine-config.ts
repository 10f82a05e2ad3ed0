import type { Stack } from "@pulumi/pulumi/automation/index.js";

/**
 * The texts in the configuration that the engine has of a stack, by key, such as `gcp:project`. They come from its file, because
 * the CLI starts and derives a key to read it, which takes a third of a second.
 */
export async function engineConfig({ name, workspace }: Stack): Promise<Readonly<Record<string, string>>> {
  const { config = {} } = await workspace.stackSettings(name);
  const isText = (entry: [string, unknown]): entry is [string, string] => typeof entry[1] === "string";
  return Object.fromEntries(Object.entries(config).filter(isText));
}
