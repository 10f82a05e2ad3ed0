import { existsSync } from "node:fs";

/** Where Debian and the runners of GitHub Actions have a Chromium. */
const USUAL = ["/usr/bin/chromium", "/usr/bin/google-chrome"];

/** The program of a Chromium: `PLAYWRIGHT_CHROMIUM`, or the machine's own; undefined if there is none. */
export const CHROMIUM = process.env.PLAYWRIGHT_CHROMIUM ?? USUAL.find((path) => existsSync(path));
