import { randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { Fields } from "../../rest/fields.ts";

/** A log entry as Logging returns it. */
export type Entry = Fields & { readonly timestamp: string; readonly insertId: string };

/** A log entry as another service of the embedded cloud writes it, to which Logging adds times and an id. */
export interface NewEntry extends Fields {
  /** `projects/P/logs/ID`. */
  readonly logName: string;
  readonly resource: { readonly type: string; readonly labels: Readonly<Record<string, string>> };
}

/** Writes an entry to a project's log. @param project Its id. */
export type WriteEntry = (project: string, entry: NewEntry) => void;

/** Bytes of a file of entries, which is some 15,000 lines of a service. The file before it is kept too. */
const FILE_LIMIT = 8 * 1024 * 1024;

/** The newest entries of all projects, one a line in two files: a full one, which the next full one replaces, and the current one. */
export class Entries {
  private readonly folder: string;
  private file: number | undefined;
  private closed = false;
  private size = 0;
  private count = 0;

  /** @param folder The state folder. */
  constructor(folder: string) {
    this.folder = join(folder, "log-entries");
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    this.adopt();
  }

  /** Stores an entry of a service of the embedded cloud. */
  readonly write: WriteEntry = (project, entry) => {
    const time = new Date().toISOString();
    this.put(project, { severity: "DEFAULT", timestamp: time, insertId: this.id(), ...entry, receiveTimestamp: time });
  };

  /** Stores an entry; it is on disk when this returns. @param project Its id. */
  put(project: string, entry: Entry): void {
    if (this.closed) return;
    if (this.file !== undefined && this.size > FILE_LIMIT) {
      this.closeFile();
      renameSync(this.path("current"), this.path("full"));
    }
    this.file ??= this.open();
    this.size += writeSync(this.file, `${JSON.stringify({ project, entry })}\n`);
  }

  /** A new id, after all earlier ones in alphabetical order: Logging orders entries of the same time by it. */
  id(): string {
    const count = (this.count++).toString(36).padStart(8, "0");
    return `${Date.now().toString(36)}${count}${randomBytes(3).toString("hex")}`;
  }

  /** A project's entries by time and id. Of those that have both in common, Logging shows one. */
  list(project: string): Entry[] {
    const found = new Map<string, Entry>();
    for (const name of ["full", "current"]) {
      const lines = existsSync(this.path(name)) ? readFileSync(this.path(name), "utf8").split("\n") : [];
      lines.pop(); // what follows the last line's end: nothing, or what a killed process began to write
      for (const line of lines) {
        const { project: owner, entry } = JSON.parse(line) as { project: string; entry: Entry };
        if (owner === project) found.set(orderOf(entry), entry);
      }
    }
    return [...found].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, entry]) => entry);
  }

  /** Closes the file. What a server that has just ended still says is dropped: the folder may be gone. */
  close(): void {
    this.closed = true;
    this.closeFile();
  }

  private closeFile(): void {
    if (this.file !== undefined) closeSync(this.file);
    this.file = undefined;
  }

  private open(): number {
    const path = this.path("current");
    const text = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
    const file = openSync(path, "a", 0o600);
    // A killed process may have left a part of a line.
    const whole = text.lastIndexOf("\n") + 1;
    if (whole < text.length) ftruncateSync(file, whole);
    this.size = fstatSync(file).size;
    return file;
  }

  private path(name: string): string {
    return join(this.folder, `${name}.jsonl`);
  }

  /** Takes over the entries of a state that has a file for each. */
  private adopt(): void {
    for (const name of readdirSync(this.folder).filter((file) => file.endsWith(".json"))) {
      const path = join(this.folder, name);
      const { key, value } = JSON.parse(readFileSync(path, "utf8")) as { key: string; value: Entry };
      this.put(key.slice(0, key.indexOf("/")), value);
      rmSync(path);
    }
  }
}

/** What entries are ordered by: time, then id. */
export function orderOf({ timestamp, insertId }: Entry): string {
  return `${timestamp}/${insertId}`;
}
