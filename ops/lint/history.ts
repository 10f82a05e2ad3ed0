import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";

/** The migrations on the main branch. They count as applied, because pipelines deploy that branch. */
export interface History {
  /** Name of the branch, such as `origin/main`. */
  readonly branch: string;
  /** File names at the tip of the branch. */
  readonly tip: ReadonlySet<string>;
  /** Git's blob ids at the merge base, by file name. */
  readonly base: ReadonlyMap<string, string>;
}

/**
 * Reads the migrations on the main branch from git.
 * @param folder The folder of migrations.
 * @returns The reason, if git cannot tell.
 */
export function readHistory(folder: string): History | string {
  const heads = git(folder, "for-each-ref", "--format=%(refname) %(objectname)", ...BRANCHES.keys())?.split("\n") ?? [];
  const commits = new Map(heads.map((line) => line.split(" ") as [string, string]));
  const [ref, branch] = [...BRANCHES].find(([name]) => commits.has(name)) ?? [];
  const commit = commits.get(ref ?? "");
  if (branch === undefined || commit === undefined) return "Git finds no branch main.";
  const base = git(folder, "merge-base", "HEAD", commit)?.trim();
  if (base === undefined) return `Git finds no merge base with ${branch}; a shallow clone has none.`;
  const tip = files(folder, commit);
  return { branch, tip: new Set(tip.keys()), base: base === commit ? tip : files(folder, base) };
}

/** Where the main branch can be, the best first. */
const BRANCHES = new Map([
  ["refs/remotes/origin/main", "origin/main"],
  ["refs/heads/main", "main"],
]);

/** Git's blob id of a text, with the hash algorithm of the id `like`. */
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

/** Git's output; undefined if it fails or is not installed. */
function git(folder: string, ...args: string[]): string | undefined {
  try {
    return execFileSync("git", args, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    return undefined;
  }
}
