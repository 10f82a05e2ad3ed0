import { createHash, randomUUID } from "node:crypto";
import { accessSync, chmodSync, constants, cpSync, existsSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Binaries } from "./binaries.ts";

/** Why a folder cannot be read or written: it belongs to somebody else, is read-only, or another process was faster. */
const EXPECTED = ["EACCES", "EPERM", "EROFS", "ENOTEMPTY", "EEXIST", "ENOSPC"];

/**
 * A data directory as `initdb` leaves it, kept beside PostgreSQL's programs: a copy takes a fifth of the time of `initdb`.
 * Every user of the machine can do without it.
 */
export class Template {
  private readonly folder: string;

  /** @param args What `initdb` gets, apart from paths: other arguments have a template of their own. */
  constructor({ initdb }: Binaries, args: readonly string[]) {
    const key = createHash("sha256").update(args.join("\0")).digest("hex").slice(0, 16);
    this.folder = join(dirname(dirname(initdb)), `data-${key}`);
  }

  /** Copies the template to a folder that does not exist; false if there is none that this user can read. */
  copyTo(data: string): boolean {
    if (!existsSync(this.folder)) return false;
    const isCopied = attempted(() => {
      accessSync(this.folder, constants.R_OK | constants.X_OK); // without them Node.js 24 ends in the copy
      copy(this.folder, data);
    });
    if (!isCopied) rmSync(data, { recursive: true, force: true });
    return isCopied;
  }

  /** Keeps a copy of a data directory without secrets as the template, if this user can. */
  keep(data: string): void {
    const fresh = `${this.folder}.${randomUUID()}`;
    attempted(() => {
      copy(data, fresh);
      renameSync(fresh, this.folder);
    });
    rmSync(fresh, { recursive: true, force: true });
  }
}

function copy(from: string, to: string): void {
  cpSync(from, to, { recursive: true, errorOnExist: true, force: false });
  chmodSync(to, 0o700);
}

/** Whether some work on files succeeds; it may only fail as {@link EXPECTED}. */
function attempted(work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (!EXPECTED.includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    return false;
  }
}
