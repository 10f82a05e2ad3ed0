import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parentOf, projectOf, shortName } from "../../rest/names.ts";

/** The logs of revisions and executions, one file each, readable only by its owner. */
export class Logs {
  private readonly folder: string;

  /** @param folder The state folder. */
  constructor(folder: string) {
    this.folder = join(folder, "cloudrun-logs");
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
  }

  /** @param name Full name of a revision or an execution. */
  path(name: string): string {
    return join(this.folder, `${projectOf(name)}~${shortName(parentOf(name))}~${shortName(name)}.log`);
  }

  /** The log so far. */
  read(name: string): string {
    return existsSync(this.path(name)) ? readFileSync(this.path(name), "utf8") : "";
  }
}
