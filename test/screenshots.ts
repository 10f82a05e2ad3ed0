import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { consoleAddress, isHeldOpen } from "../ops/engine/held-open.ts";
import { localFolder } from "../ops/engine/private-folder.ts";
import { ROOT } from "../ops/engine/stack-file.ts";
import { UserError } from "../ops/terminal/user-error.ts";
import { run } from "../ops/terminal/run.ts";
import { CHROMIUM } from "./browser.ts";

const HELP = `npm run screenshots

Takes the pictures of the console in the README, on the local stack that npm start -- --keep holds open: its system, and the
incident without tables, which it then fixes. Needs a Chromium: PLAYWRIGHT_CHROMIUM, or the one of the machine.

  --help  this text
`;

/** Where the README has them. */
const FOLDER = join(ROOT, "docs", "images");

/** How long a fault or a fix may take, in milliseconds. */
const LONG = 120_000;

run(HELP, async () => {
  const folder = localFolder();
  if (!isHeldOpen(folder)) throw new UserError("No local stack is held open: run npm start -- --keep");
  if (CHROMIUM === undefined) throw new UserError("There is no Chromium: set PLAYWRIGHT_CHROMIUM to its program.");
  mkdirSync(FOLDER, { recursive: true });
  const asRoot = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: asRoot });
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme: "light" });
    page.setDefaultTimeout(LONG);
    await page.goto(readFileSync(consoleAddress(folder), "utf8"));
    await page.getByText("everything is in order").waitFor();
    await page.locator(".node").first().waitFor();
    await page.screenshot({ path: join(FOLDER, "console-system.png") });

    await page.getByRole("link", { name: "Incident" }).click();
    await page.getByRole("switch", { name: "The tables are missing" }).click();
    await page.getByRole("button", { name: /^Fix/ }).waitFor();
    await page.screenshot({ path: join(FOLDER, "console-incident.png") });
    await page.getByRole("button", { name: /^Fix/ }).click();
    await page.getByText("the service works").waitFor();
    console.log(`Written to ${FOLDER}: console-system.png, console-incident.png`);
  } finally {
    await browser.close();
  }
});
