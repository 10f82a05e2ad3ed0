import { tmpdir } from "node:os";

/** Bytes of a folder's path that leave room for a socket's name: the limit is 107 on Linux and 103 on macOS. */
const LONGEST = 60;

/** The parent of temporary socket folders: the system's temporary folder, or `/tmp` if its path is too long. */
export function shortFolder(): string {
  return Buffer.byteLength(tmpdir()) > LONGEST ? "/tmp" : tmpdir();
}
