import { command } from "./command.ts";

/** Options of ours that npm has too: in its environment, they may come from its configuration instead of the command line. */
const NPM_HAS: readonly string[] = ["dry-run", "json", "offline", "only", "version", "yes"];

/** What is known of the call: the environment, and the arguments after the script. */
interface Call {
  readonly env: NodeJS.ProcessEnv;
  readonly args: readonly string[];
}

/** Options that npm may not have passed on. */
export interface Kept {
  /** What happened, and the command to run instead. */
  readonly sentence: string;
  /** Whether they were certainly given, instead of being set by npm's configuration. */
  readonly isCertain: boolean;
}

/**
 * Finds options that stand before `--`. npm 7 to 11 takes them for its own configuration: it sets `npm_config_stack=true` for
 * `npm run preview --stack local`, and passes on only `local`.
 * @param help The command's help, which names its options, and a placeholder for the value of those that have one.
 * @returns Undefined if there are none.
 */
export function keptByNpm(help: string, { env, args }: Call = ofProcess()): Kept | undefined {
  const valueOf = (name: string) => env[`npm_config_${name.replaceAll("-", "_")}`] ?? "";
  const kept = optionsOf(help).filter(({ name }) => valueOf(name) !== "" && !args.includes(`--${name}`));
  if (kept.length === 0) return undefined;

  // npm passes on the value of an option that it does not know, as the last argument before those after `--`.
  const positional = args.slice(0, args.findIndex((arg) => arg.startsWith("-")) >>> 0);
  const detached = kept.filter(({ name, value }) => value !== undefined && valueOf(name) === "true");
  const passed = detached.length === 1 ? positional.pop() : undefined;
  const given = kept.flatMap(({ name, value }) => {
    if (value === undefined) return [`--${name}`];
    return [`--${name}`, valueOf(name) === "true" ? (passed ?? value) : valueOf(name)];
  });
  const script = env.npm_lifecycle_event ?? "start";
  const rest = args.slice(positional.length + (passed === undefined ? 0 : 1));
  const instead = command(
    "npm",
    ...(script === "start" ? [script] : ["run", script]),
    "--",
    ...positional,
    ...given,
    ...rest,
  );
  const names = kept.map(({ name }) => `--${name}`).join(" and ");
  const isCertain = kept.some(({ name }) => !NPM_HAS.includes(name));
  const what = isCertain
    ? `npm kept ${names} for itself, because only what follows a separate -- reaches the command`
    : `If ${names} was given before a separate --, npm kept it for itself`;
  return { sentence: `${what}. Run: ${instead}`, isCertain };
}

/** The options in a help, once each; not those of other programs' commands, which it writes with `=`. */
function optionsOf(help: string): { readonly name: string; readonly value: string | undefined }[] {
  const found = new Map<string, string | undefined>();
  for (const [, name = "", value] of help.matchAll(/--([a-z]+(?:-[a-z]+)*)(?![-=\w])(?: ([A-Z]+(?:\/[A-Z]+)*)\b)?/g)) {
    found.set(name, found.get(name) ?? value);
  }
  return [...found].map(([name, value]) => ({ name, value }));
}

function ofProcess(): Call {
  return { env: process.env, args: process.argv.slice(2) };
}
