import axe from "axe-core";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { CONNECTION_STRING_SECRET, PASSWORD_SECRET } from "../../infra/names.ts";
import { CHROMIUM } from "../browser.ts";
import { LONG_FORM } from "../long-form.ts";
import type { Step } from "../scenario.ts";
import { holders, type Place } from "./leaks.ts";

const PAGES = ["System", "Requests", "Schema", "Doctor", "Incident"] as const;

/** How long something on the page may take, in milliseconds; a fix runs the engine. */
const SOON = 30_000;
const LONG = 240_000;

function launched(browser: Browser | undefined): Browser {
  if (!browser) throw new Error("The browser was not started.");
  return browser;
}

/** A fault of the incident, with what the page must show. */
interface Shown {
  readonly name: string;
  readonly status: RegExp;
  readonly cause: RegExp;
  readonly fix: RegExp;
  /** What the picture shows as broken. */
  readonly broken: RegExp;
}

const FAULTS: readonly Shown[] = [
  {
    name: "The tables are missing",
    status: /POST \/commands → 500/,
    cause: /Tables: settlement_db lacks settlement_commands/,
    fix: /^npm run migration -- recreate --stack=local$/,
    broken: /1 part broken/,
  },
  {
    name: "The secret is missing",
    status: /POST \/commands → 503/,
    cause: /settlement-db-connection-string does not exist/,
    fix: /^npm run up -- --stack=local --refresh$/,
    broken: /1 part and \d connections broken/,
  },
  {
    name: "The account has no access",
    status: /POST \/commands → 503/,
    cause: /lacks roles\/secretmanager\.secretAccessor/,
    fix: /gcloud secrets add-iam-policy-binding /,
    broken: /2 connections broken/,
  },
  {
    name: "The password is wrong",
    status: /POST \/commands → 500/,
    cause: /password authentication failed/,
    fix: /^npm run rotate -- --stack=local$/,
    broken: /1 part broken/,
  },
];

/**
 * Goes through the console of a stack that is held open, with a browser; each step is skipped if there is none.
 * @param folder The project's folder, once the stack is open.
 */
export function consoleSteps(steps: Step, folder: () => string): void {
  const step = CHROMIUM === undefined ? steps.skip : steps;
  const long = CHROMIUM === undefined ? steps.skip : steps.inLongForm;
  let browser: Browser | undefined;
  let page: Page;
  let address: string;
  /** What went wrong in the page, and what it loaded from elsewhere. */
  const problems: string[] = [];
  /** All that was sent to the page, and all that it showed. */
  const seen: Place[] = [];

  afterAll(() => browser?.close());

  async function open(): Promise<void> {
    page = await launched(browser).newPage();
    await show(1440, "light");
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) problems.push(message.text());
    });
    page.on("pageerror", ({ message }) => problems.push(message));
    page.on("request", (request) => {
      if (new URL(request.url()).origin !== new URL(address).origin) problems.push(`loads ${request.url()}`);
    });
    await page.goto(address);
    await page.getByText("live", { exact: true }).waitFor({ timeout: SOON });
  }

  /** Shows the page in a window of this width, in pixels, with this theme. */
  async function show(width: number, colorScheme: "light" | "dark"): Promise<void> {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme });
  }

  async function visit(name: (typeof PAGES)[number]): Promise<void> {
    await page.getByRole("navigation").getByRole("link", { name }).click();
    await page.getByRole("heading", { level: 1, name }).waitFor();
    await page.locator("main .card").first().waitFor({ timeout: SOON });
    seen.push([name, await page.content()]);
  }

  /** Rules of axe that the page breaks seriously. */
  async function violations(): Promise<string[]> {
    await page.evaluate(axe.source);
    const found = await page.evaluate(async () => {
      const { violations: all } = await (globalThis as unknown as { axe: typeof axe }).axe.run();
      return all.map(({ id, impact, nodes }) => ({ id, impact, where: nodes.map(({ html }) => html.slice(0, 200)) }));
    });
    return found
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, where }) => `${id}: ${where.join(", ")}`);
  }

  async function setAndFix({ broken, cause, fix, name, status }: Shown): Promise<void> {
    await visit("Incident");
    await page.getByRole("switch", { name }).click();
    await page.getByText("the service fails").waitFor({ timeout: LONG });
    await page.getByText(status).waitFor();
    await page.locator(".way-back .verdict").getByText(cause).waitFor();
    expect(await page.locator(".way-back code").textContent()).toMatch(fix);
    expect(await page.getByRole("switch", { name }).getAttribute("aria-checked")).toBe("true");
    expect(await violations()).toEqual([]);
    await visit("System");
    await page.getByText(broken).waitFor({ timeout: SOON });
    expect(await violations()).toEqual([]);
    await visit("Incident");
    await page.getByRole("button", { name: /^Fix/ }).click();
    await page.getByText("the service works").waitFor({ timeout: LONG });
    await page.getByText(/POST \/commands → 200/).waitFor();
    await page.getByText("The doctor finds no fault").waitFor();
    seen.push([name, await page.content()]);
    await visit("System");
    await page.getByText("everything is in order").waitFor({ timeout: SOON });
  }

  step("prints the console's address, with which a browser gets in and without which it does not", async () => {
    const copy = folder();
    const said = spawnSync(process.execPath, [join(copy, "ops", "console.ts")], { cwd: copy, encoding: "utf8" });
    address = said.stdout.trim();
    expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#[\w-]+$/);
    const asRoot = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
    browser = await chromium.launch({ executablePath: CHROMIUM ?? "", args: asRoot });
    const stranger = await launched(browser).newPage();
    await stranger.goto(new URL("/", address).href);
    await stranger.getByText("This tab has no token.").waitFor();
    await stranger.close();
    await open();
    expect(page.url()).not.toContain(new URL(address).hash);
    await page.reload();
    await page.getByText("everything is in order").waitFor({ timeout: SOON });
  });

  async function visitAll(width: number, scheme: "light" | "dark"): Promise<void> {
    await show(width, scheme);
    for (const name of PAGES) {
      await visit(name);
      expect([width, scheme, name, await violations()]).toEqual([width, scheme, name, []]);
      const overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
      expect([width, name, overflow]).toEqual([width, name, 0]);
    }
    await show(1440, "light");
  }

  step("shows each page in a narrow, dark window without a serious finding of axe", () => visitAll(360, "dark"));

  long("shows each page in the other theme and width without a serious finding of axe", async () => {
    for (const [width, scheme] of [
      [1440, "light"],
      [1440, "dark"],
      [360, "light"],
    ] as const)
      await visitAll(width, scheme);
  });

  step("shows a part's wiring to the keyboard alone", async () => {
    await visit("System");
    const secret = page.getByRole("button", { name: /db-connection-string/ });
    await secret.focus();
    await page.keyboard.press("Enter");
    expect(await secret.getAttribute("aria-pressed")).toBe("true");
    const details = page.getByRole("region", { name: "db-connection-string" });
    await details.getByText("The account has roles/secretmanager.secretAccessor").waitFor();
    await details.getByText(/reads version 1 of settlement-db-connection-string as DATABASE_URL/).waitFor();
  });

  step("sends a settlement command, and shows it with its calls, logs and rows", async () => {
    await visit("Requests");
    await page.getByRole("button", { name: "Send one" }).click();
    await page.getByText('"workflow_id": "console"').first().waitFor({ timeout: SOON });
    await page.getByRole("region", { name: "Table of recent requests" }).getByText("POST /commands").first().waitFor();
    await page.getByRole("searchbox", { name: "Filter the calls" }).fill("versions.access");
    await page
      .getByRole("region", { name: "Table of calls" })
      .getByText("secretmanager.versions.access")
      .first()
      .waitFor();
    await page.getByLabel("Source of the lines").selectOption("PostgreSQL");
    await page
      .getByText(/ready to accept connections/)
      .first()
      .waitFor({ timeout: SOON });
    await visit("Schema");
    await page.getByText("create settlement commands").click();
    await page.getByText(/CREATE TABLE settlement_commands/i).waitFor();
    await page.getByRole("cell", { name: "settlement_commands" }).waitFor();
  });

  for (const shown of FAULTS) long(`shows and fixes: ${shown.name}`, () => setAndFix(shown));

  long("shows that the policy refuses a zone in the connection name", async () => {
    await visit("Incident");
    await page.getByRole("switch", { name: "A zone in the connection name" }).click();
    await page.getByText(/The policy connection-name-format refuses the update/).waitFor({ timeout: LONG });
    await page.getByText("Nothing was changed").waitFor({ timeout: SOON });
  });

  long("rotates the credential under a stream of requests, none of which fails", async () => {
    await visit("Incident");
    await page.getByRole("button", { name: "Rotate under load" }).click();
    await page.getByText(/\d+ requests during the rotation, 0 failed/).waitFor({ timeout: LONG });
    seen.push(["rotation", await page.content()]);
  });

  step("never had a secret in the page or its data, an error, or anything from elsewhere", async () => {
    const copy = folder();
    const read = (path: string) => readFileSync(join(copy, ".local", "start", path), "utf8");
    const token = read("cloud/owner-token");
    const url = `http://127.0.0.1:${read("port")}`;
    const secrets = await Promise.all(
      [CONNECTION_STRING_SECRET, PASSWORD_SECRET].map(async (id) => {
        const path = `/v1/projects/settlement-local/secrets/${id}/versions/latest:access`;
        const answer = await fetch(url + path, { headers: { authorization: `Bearer ${token}` } });
        const { payload } = (await answer.json()) as { payload: { data: string } };
        return Buffer.from(payload.data, "base64").toString();
      }),
    );
    const [origin = "", own = ""] = address.split("/#");
    const stream = await fetch(`${origin}/events`, { headers: { authorization: `Bearer ${own}` } });
    let data = "";
    for await (const text of (stream.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream())) {
      data += text;
      if (/event: schema\n.*\n\n/.test(data)) break;
    }
    seen.push(["data", data]);
    expect(seen.length).toBeGreaterThan(LONG_FORM ? 20 : PAGES.length);
    expect(holders(seen, [...secrets, token])).toEqual([]);
    expect(problems).toEqual([]);
  });
}
