import { join } from "node:path";
import { mountProblem, SOCKETS, withMounts } from "./namespace.ts";

/** A program on this machine that replaces an image. */
export interface Program {
  /** Executable. {@link process.execPath}, Node.js itself, gets its mounts by a preloaded file, any other by a namespace. */
  readonly command: string;
  readonly args: readonly string[];
}

/** A program of a container. */
export interface Contained {
  readonly program: Program;
  /** Added to the program's own arguments. */
  readonly args: readonly string[];
  /** What the container's environment has besides PATH and, for another program than Node.js, HOME. */
  readonly env: Readonly<Record<string, string>>;
  /** Real folders of the sockets of Cloud SQL by connection name; undefined if the container mounts no volume. */
  readonly sockets: Readonly<Record<string, string>> | undefined;
  /** An existing folder that only this process uses. */
  readonly folder: string;
}

/** What to execute. */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment. */
  readonly env: NodeJS.ProcessEnv;
  /** Why the program does not get the mounts, if it is not a Node.js program. */
  readonly problem?: string;
}

const PRELOAD = join(import.meta.dirname, "mounts.cjs");

/**
 * Ends the program's process group when the embedded cloud ends, even if it is killed: then the pipe, descriptor 3, closes. The
 * watcher is no child of the program, which may wait for its own.
 */
const WATCH = `( ( trap '' TERM; read -r _ <&3; kill -KILL 0 ) >/dev/null 2>&1 & ); `;

/** Gives a program the mounts of its container, as far as this machine allows it. */
export async function launch(contained: Contained): Promise<Launch> {
  const { program, args } = contained;
  const command = [program.command, ...program.args, ...args] as const;
  if (program.command === process.execPath) return preloaded(command, contained);
  const { HOME } = process.env;
  const env = { ...(HOME !== undefined && { HOME }), ...contained.env };
  const problem = await mountProblem();
  if (problem !== undefined) {
    // A shell may start Node.js. Where gcloud's credentials cannot be hidden, libraries must not look for them.
    const unmounted = { ...contained, env: { CLOUDSDK_CONFIG: join(contained.folder, "none"), ...env } };
    const launched = preloaded(["sh", "-c", `${WATCH}exec "$@"`, "sh", ...command], unmounted);
    return { ...launched, problem };
  }
  const mounted = withMounts(command, mountsOf(contained), join(contained.folder, "root"));
  return {
    command: "sh",
    args: ["-c", `${WATCH}exec "$@" 3<&-`, "sh", ...mounted],
    env: { PATH: process.env.PATH, ...env },
  };
}

/** Preloads Node.js with the mounts. */
function preloaded([command, ...args]: readonly [string, ...string[]], contained: Contained): Launch {
  const { env, folder, sockets } = contained;
  // Paths outside the volume are not found, even if this machine has them.
  const mounts = { ...mountsOf(contained), ...(sockets && { [SOCKETS]: join(folder, "none") }) };
  return {
    command,
    args,
    env: {
      PATH: process.env.PATH,
      ...env,
      EMBEDDED_MOUNTS: JSON.stringify(mounts),
      NODE_OPTIONS: `${env.NODE_OPTIONS ?? ""} --require ${JSON.stringify(PRELOAD)}`.trim(),
    },
  };
}

/** Real folders by mount path. */
function mountsOf({ sockets = {} }: Contained): Record<string, string> {
  return Object.fromEntries(Object.entries(sockets).map(([name, real]) => [`${SOCKETS}/${name}`, real]));
}
