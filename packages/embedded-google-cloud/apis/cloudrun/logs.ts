import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parentOf, projectOf, shortName } from "../../rest/names.ts";

/** What revisions and executions wrote, a file each, readable by its owner only. */
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

  /** Everything written so far; empty where nothing was. */
  read(name: string): string {
    return existsSync(this.path(name)) ? readFileSync(this.path(name), "utf8") : "";
  }
}
