import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The bytes of objects: one file per generation, readable only by its owner. */
export class Contents {
  private readonly folder: string;

  /**
   * @param folder Holds the files; created if it does not exist.
   * @param generations Generations that exist. Files of others, left by an interrupted request, are removed.
   */
  constructor(folder: string, generations: ReadonlySet<string>) {
    this.folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const file of readdirSync(folder)) if (!generations.has(file)) rmSync(join(folder, file));
  }

  write(generation: string, bytes: Uint8Array): void {
    writeFileSync(join(this.folder, generation), bytes, { mode: 0o600 });
  }

  read(generation: string): Buffer {
    return readFileSync(join(this.folder, generation));
  }

  delete(generation: string): void {
    rmSync(join(this.folder, generation), { force: true });
  }
}
