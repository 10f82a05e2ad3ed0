import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";

/** The migrations of the main branch. What is there counts as applied, since pipelines deploy it. */
export interface History {
  /** Name of the branch, such as `origin/main`. */
  readonly branch: string;
  /** File names at the tip of the branch. */
  readonly tip: ReadonlySet<string>;
  /** Git's ids of the files where this checkout left the branch, by name. */
  readonly base: ReadonlyMap<string, string>;
}

/**
 * Reads from git what the main branch holds.
 * @param folder The folder of migrations.
 * @returns A sentence, where git cannot tell.
 */
export function readHistory(folder: string): History | string {
  const branch = ["origin/main", "main"].find(
    (name) => git(folder, "rev-parse", "--verify", "--quiet", name) !== undefined,
  );
  if (branch === undefined) return "Git knows no branch main here.";
  const base = git(folder, "merge-base", "HEAD", branch)?.trim();
  if (base === undefined)
    return `Git does not know where this checkout left ${branch}; a shallow clone has no history.`;
  return { branch, tip: new Set(files(folder, branch).keys()), base: files(folder, base) };
}

/** Git's id of a file with this text, in the repository that another id comes from. */
export function idOf(text: string, like: string): string {
  const bytes = Buffer.from(text);
  const hash = createHash(like.length === 64 ? "sha256" : "sha1");
  return hash.update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
}

/** The `.sql` files of the folder in a commit. */
function files(folder: string, commit: string): Map<string, string> {
  const rows = git(folder, "ls-tree", "-z", commit, "./")?.split("\0") ?? [];
  const entries = rows.flatMap((row): [string, string][] => {
    const [, id, name] = /^\d+ blob ([0-9a-f]+)\t(.+)$/.exec(row) ?? [];
    return id !== undefined && name?.endsWith(".sql") ? [[name, id]] : [];
  });
  return new Map(entries);
}

/** What git prints; undefined where it fails or is not installed. */
function git(folder: string, ...args: string[]): string | undefined {
  try {
    return execFileSync("git", args, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    return undefined;
  }
}
