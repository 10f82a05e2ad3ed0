import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { shortFolder } from "../../state/short-folder.ts";

/** Where Cloud Run mounts the sockets of Cloud SQL: https://cloud.google.com/run/docs/reference/rest/v2/Container#volumemount */
export const SOCKETS = "/cloudsql";

/**
 * Makes a root of its own for a program, in a mount namespace: an empty file system in memory with every entry of `/`, and the
 * sockets. As in a container, the program can write to `/`, and finds no credentials of gcloud. Arguments: the new root, uid,
 * gid, pairs of folder and mount path, `--`, the command.
 *
 * Root in this user namespace has rights only on these mounts; the command runs with the ids of its caller and without them.
 */
const SCRIPT = `
set -eu
root=$1 uid=$2 gid=$3 folder=$PWD path=$PATH
shift 3
PATH=$PATH:/usr/sbin:/sbin
mkdir -p "$root"
mount -t tmpfs -o mode=755 container "$root"
mount --make-unbindable "$root"
for entry in /* /.[!.]*; do
  if [ "$entry" = ${SOCKETS} ]; then continue
  elif [ -L "$entry" ]; then ln -s "$(readlink "$entry")" "$root$entry"
  elif [ -d "$entry" ]; then mkdir "$root$entry" && mount --rbind "$entry" "$root$entry"
  elif [ -e "$entry" ]; then : >"$root$entry" && mount --bind "$entry" "$root$entry"
  fi
done
while [ "$1" != -- ]; do
  mkdir -p "$root$2"
  mount --bind "$1" "$root$2"
  shift 2
done
shift
mkdir "$root/.former"
cd "$root"
pivot_root . .former
umount -l /.former
rmdir /.former
if [ -d "\${HOME-}/.config/gcloud" ]; then mount -t tmpfs -o ro container "$HOME/.config/gcloud"; fi
cd "$folder"
unset OLDPWD
PATH=$path
[ "$uid" = 0 ] && exec "$@"
exec unshare --user --map-user="$uid" --map-group="$gid" -- "$@"
`;

/**
 * A command that runs another one with mounts that only it sees.
 * @param command The program and its arguments.
 * @param mounts Real folders by mount path, below {@link SOCKETS}.
 * @param root An empty folder, or one to be created.
 */
export function withMounts(
  command: readonly string[],
  mounts: Readonly<Record<string, string>>,
  root: string,
): readonly string[] {
  const ids = [process.getuid?.() ?? 0, process.getgid?.() ?? 0].map(String);
  const pairs = Object.entries(mounts).flatMap(([path, folder]) => [folder, path]);
  const script = ["sh", "-c", SCRIPT, "sh", root, ...ids, ...pairs, "--", ...command];
  return ["unshare", "--user", "--map-root-user", "--mount", ...script];
}

let problem: Promise<string | undefined> | undefined;

/**
 * Tries once whether this machine lets a user mount. macOS has no namespaces, and some Linux systems forbid them, such as Ubuntu
 * from 24.04 on by AppArmor.
 * @returns Why not; undefined if it does.
 */
export function mountProblem(): Promise<string | undefined> {
  return (problem ??= tryMounts());
}

async function tryMounts(): Promise<string | undefined> {
  if (process.platform !== "linux") return "only Linux lets a user mount";
  const root = await mkdtemp(join(shortFolder(), "root-"));
  const [unshare = "", ...args] = withMounts(["true"], {}, root);
  try {
    await promisify(execFile)(unshare, args);
    return undefined;
  } catch (error) {
    const { message, stderr = "" } = error as Error & { stderr?: string };
    return `this system forbids user namespaces: ${(stderr.trim() || message).replaceAll("\n", ". ")}`;
  } finally {
    await rm(root, { recursive: true });
  }
}
