import { tmpdir } from "node:os";

/** Bytes of a folder that still leave room for a socket's name below it: its path may have 107 on Linux, 103 on macOS. */
const LONGEST = 60;

/** The folder for temporary folders of sockets; `/tmp` where the system's own has too long a path. */
export function shortFolder(): string {
  return Buffer.byteLength(tmpdir()) > LONGEST ? "/tmp" : tmpdir();
}
