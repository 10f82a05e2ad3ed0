import fc from "fast-check";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { text as read } from "node:stream/consumers";
import type { ParseArgsConfig } from "node:util";
import { stringify } from "yaml";
import { parseConfig, programValues } from "../../infra/config.ts";
import { parseConnectionName, parseConnectionString } from "../../infra/connection.ts";
import { MigrationFileError } from "../../infra/migrations/file-error.ts";
import { readMigrations } from "../../infra/migrations/files.ts";
import { discreet } from "../../ops/doctor/checks/secrets.ts";
import { lintMigrations } from "../../ops/lint/lint.ts";
import { newMigration } from "../../ops/migration/new.ts";
import { readStackFile, ROOT } from "../../ops/engine/stack-file.ts";
import { readConfig } from "../../policies/config.ts";
import { policies } from "../../policies/pack.ts";

/** The commands in `package.json`, caught in their call of `run`. */
const caught: { help: string; command: () => Promise<void> }[] = [];
jest.mock("../../ops/terminal/run.ts", () => ({
  ...jest.requireActual<object>("../../ops/terminal/run.ts"),
  run: (help: string, command: () => Promise<void>) => caught.push({ help, command }),
}));
// The original reads the arguments of jest.
jest.mock("node:util", () => {
  const util = jest.requireActual<typeof import("node:util")>("node:util");
  const parseArgs = (config: ParseArgsConfig) => util.parseArgs({ args: process.argv.slice(2), ...config });
  return { ...util, parseArgs };
});
// Bad input must be refused before a command reaches the engine.
jest.mock("../../ops/engine/cli.ts", () => ({
  ...jest.requireActual<object>("../../ops/engine/cli.ts"),
  findCli: () => Promise.reject(new Error("The engine was reached.")),
}));

/** Fixed, so that failures are reproducible; for another one: `SEED=… npx jest test/ops/bad-input`. */
const SEED = Number(process.env.SEED ?? 20251025);

/** Must not appear in any message. */
const PASSWORD = "Zq3fT9wLk2Vn8RbYx5Jm7Hd4s";
const STRING = `postgresql+asyncpg://settlement_user:${PASSWORD}@/settlement_db?host=/cloudsql/p:us-central1:i`;

const HOSTILE = [
  "",
  " ",
  "-",
  "=",
  ".",
  "..",
  "../../../../etc/passwd",
  "/etc/passwd",
  "..\\..\\windows\\system32",
  "prod/../staging",
  "%2e%2e%2fprod",
  "file:///etc/passwd",
  "$(touch created)",
  "`touch created`",
  "; touch created #",
  "| touch created",
  "&& touch created",
  "\n touch created",
  "${HOME}",
  "'; DROP TABLE settlement_commands; --",
  '" OR 1=1 --',
  "settlement_db'; ALTER ROLE postgres SUPERUSER; --",
  "__proto__",
  "constructor",
  "toString",
  "prod\u0000",
  "\u0000",
  "\u001b[2J\u001b[31m",
  "\u202egnigats",
  "prоd", // with a Cyrillic o
  "ＰＲＯＤ",
  "😀".repeat(50),
  "ß\u0301",
  "\ud800",
  "null",
  "undefined",
  "NaN",
  "1e999",
  "[object Object]",
  "x".repeat(100_000),
  "../".repeat(5_000),
  STRING,
  `https://user:${PASSWORD}@example.com/`,
];
const hostile = fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ unit: "binary", maxLength: 40 }));

/** Whether a text is a valid name for a migration. */
function namesMigration(text: string): boolean {
  return /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(text) && text.length <= 60;
}

/** A value of an unexpected type, or an unreasonable one of the right type. */
const odd = fc.oneof(
  hostile,
  fc.constantFrom<unknown>(null, true, -1, 0.5, 1e308, [], {}, [[[[]]]], { secure: "v1:AAAA" }, [STRING], {
    a: STRING,
  }),
);

function leaks(text: string): boolean {
  return [PASSWORD, encodeURIComponent(PASSWORD), Buffer.from(PASSWORD).toString("base64")].some((form) =>
    text.includes(form),
  );
}

/** Expects lines of a reasonable length, without a stack trace or a secret. */
function expectReadable(message: string): void {
  expect(message.trim()).not.toBe("");
  expect(message).not.toMatch(/^\s+at .*:\d+/m);
  for (const line of message.split("\n")) expect(line.length).toBeLessThan(1_200);
  expect([message, leaks(message)]).toEqual([message, false]);
}

let total = 0;
/** Checks and counts random cases. */
async function forEach<T>(count: number, cases: fc.Arbitrary<T>, check: (drawn: T) => Promise<void> | void) {
  const property = fc.asyncProperty(cases, async (drawn) => {
    await check(drawn);
  });
  await fc.assert(property, { seed: SEED, numRuns: count, endOnFailure: true });
  total += count;
}

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), "bad-input-"))));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe("command lines", () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  const files = Object.values(scripts).flatMap((script) => / ((?:ops|bench)\/[\w-]+)\.ts$/.exec(script)?.[1] ?? []);
  const commands = new Map<string, (typeof caught)[number]>();
  /** Files that a command could have created. */
  const created = () => [
    ...readdirSync(join(ROOT, "migrations"), { recursive: true }),
    ...readdirSync(ROOT).filter((name) => !/^Pulumi\.(wrong|stack|empty)-/.test(name)),
  ];

  beforeAll(async () => {
    for (const file of files) {
      await import(join(ROOT, `${file}.ts`));
      const command = caught.pop();
      if (command) commands.set(basename(file), command);
    }
  });

  /** Runs a command in this process, like `run`; returns its exit code and output. */
  async function attempt(name: string, args: readonly string[]): Promise<{ code: number; text: string }> {
    const { help, command } = commands.get(name) ?? { help: "", command: () => Promise.resolve() };
    const { report } = jest.requireActual<typeof import("../../ops/terminal/run.ts")>("../../ops/terminal/run.ts");
    let text = "";
    const spies = (["error", "log", "warn"] as const).map((method) =>
      jest.spyOn(console, method).mockImplementation((...words: unknown[]) => {
        text += `${words.join(" ")}\n`;
      }),
    );
    const { argv, exitCode } = process;
    process.argv = [process.execPath, name, ...args];
    try {
      await command();
      return { code: Number(process.exitCode ?? 0), text };
    } catch (error) {
      return { code: report(error, help), text };
    } finally {
      process.argv = argv;
      process.exitCode = exitCode;
      for (const spy of spies) spy.mockRestore();
    }
  }

  const option = (name: string) => fc.constantFrom(`--${name}`, `--${name}=`);
  const given = (name: string, value: fc.Arbitrary<string>) =>
    fc.tuple(option(name), value).map(([flag, text]) => (flag.endsWith("=") ? [flag + text] : [flag, text]));
  const notAStack = hostile.filter((text) => !["local", "staging", "prod"].includes(text));
  const wrongStack = given("stack", notAStack);
  const wrongProviders = given("providers", hostile).map((words) => ["--stack=staging", ...words]);
  const unknown = hostile.map((text) => [`--${text || "x"}`]);
  const tooMuch = hostile.filter((text) => text !== "--").map((text) => ["--stack", "nowhere", text || "x"]);
  const joined = (...parts: fc.Arbitrary<string[]>[]) => fc.tuple(...parts).map((words) => words.flat());
  const words = (...texts: string[]) => fc.constant(texts);

  /** Wrong arguments of the commands that have their own. */
  const OWN: Readonly<Record<string, fc.Arbitrary<string[]>>> = {
    start: fc.oneof(given("providers", hostile), joined(words("--keep"), given("fault", hostile))),
    preview: fc.oneof(wrongStack, wrongProviders),
    up: fc.oneof(wrongStack, wrongProviders),
    rotate: fc.oneof(wrongStack, wrongProviders),
    failover: fc.oneof(wrongStack, wrongProviders),
    load: wrongStack,
    "smoke-test": wrongStack,
    bootstrap: joined(wrongStack, given("repository", hostile)),
    doctor: fc.oneof(
      wrongStack,
      joined(
        given("project", notAStack),
        given("region", hostile),
        fc
          .tuple(fc.constantFrom("service", "instance", "bucket"), hostile)
          .map(([name, text]) => [`--${name}=${text}`]),
      ),
    ),
    bench: given("only", hostile),
    migration: fc.oneof(
      hostile.map((text) => [text]),
      hostile.filter((text) => !namesMigration(text)).map((text) => ["new", text]),
      joined(words("status"), wrongStack, given("socket", hostile)),
      joined(words("rollback"), wrongStack, given("to", hostile)),
      joined(fc.constantFrom(["status"], ["rollback"], ["restore", "--backup=1"]), wrongProviders),
      joined(words("restore"), wrongStack, given("backup", hostile)),
      joined(words("restore", "--stack=prod"), given("backup", hostile)),
      joined(fc.constantFrom(["lint"], ["dump"]), unknown),
    ),
  };
  const wrong = (name: string) => fc.oneof(unknown, tooMuch, ...(OWN[name] ? [OWN[name], OWN[name]] : []));

  test("are refused by every command with 1 or 2 before it does anything", async () => {
    expect(Object.keys(OWN).filter((name) => !commands.has(name))).toEqual([]);
    expect(commands.size).toBe(files.length);
    const before = created();
    for (const name of commands.keys()) {
      await forEach(name === "migration" ? 70 : 20, wrong(name), async (args) => {
        const { code, text } = await attempt(name, args);
        expect([name, args, code, [1, 2].includes(code)]).toEqual([name, args, code, true]);
        expectReadable(text);
      });
    }
    expect(created()).toEqual(before);
  });

  test("are refused by the processes too, which create no files", async () => {
    const cases = fc.tuple(
      fc.constantFrom("doctor", "migration", "preview", "up"),
      // An argument cannot contain a zero byte.
      notAStack.filter((text) => !text.includes("\u0000")),
    );
    const drawn = fc.sample(cases, { seed: SEED, numRuns: 8 });
    const ends = drawn.map(async ([name, text]) => {
      const args = name === "migration" ? [text] : ["--stack", text];
      const command = [join(ROOT, "ops", `${name}.ts`), ...args];
      const child = spawn(process.execPath, command, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
      const texts = [child.stdout, child.stderr].map(read);
      const [code] = (await once(child, "close")) as [number | null];
      const [stdout = "", stderr = ""] = await Promise.all(texts);
      return { case: [name, text], code, stdout, stderr };
    });
    for (const { code, stdout, stderr, ...which } of await Promise.all(ends)) {
      expect({ ...which, code, stdout }).toEqual({ ...which, code: code === 1 ? 1 : 2, stdout: "" });
      expectReadable(stderr);
    }
    total += drawn.length;
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("stack configurations", () => {
  const GOOD = { staging: readStackFile("staging"), prod: readStackFile("prod") };
  type Path = readonly string[];

  function paths(value: unknown, path: Path = []): Path[] {
    if (typeof value !== "object" || value === null) return [path];
    const below = Object.entries(value).flatMap(([key, inner]) => paths(inner, [...path, key]));
    return path.length === 0 ? below : [path, ...below];
  }

  /** A copy with another value at a path. */
  function changed(value: unknown, [key = "", ...rest]: Path, to: unknown): unknown {
    const copy: Record<string, unknown> = { ...(value as Record<string, unknown>) };
    if (rest.length > 0) copy[key] = changed(copy[key], rest, to);
    else Object.defineProperty(copy, key, { value: to, enumerable: true, configurable: true, writable: true });
    return copy;
  }

  const stack = fc.constantFrom(...(["staging", "prod"] as const));
  const known = stack.chain((name) =>
    fc.record({
      name: fc.constant(name),
      path: fc.constantFrom(...paths(GOOD[name].config ?? {})),
      value: odd,
    }),
  );
  const unknown = fc.record({ name: stack, path: hostile.map((key) => [`settlement:${key}`]), value: odd });

  test("with a wrong value or an unknown key are refused with a sentence for each", async () => {
    let accepted = 0;
    await forEach(150, fc.oneof(known, known, unknown), ({ name, path, value }) => {
      const config = changed(GOOD[name].config, path, value);
      writeFileSync(join(folder, "Pulumi.odd.yaml"), stringify({ config }));
      try {
        parseConfig(programValues(readStackFile("odd", folder).config ?? {}));
        accepted++; // such as another number of backups
      } catch (error) {
        expect((error as Error).name).toMatch(/^(ConfigError|UserError|RunError|Error)$/);
        expect((error as Error).message).toMatch(
          /needs (a change|changes):\n {2}- \S+ |is not a stack file: config must map/,
        );
        for (const line of (error as Error).message.split("\n").slice(1)) expect(line).toMatch(/^ {2}- .*[;.].*$/);
        expectReadable((error as Error).message);
      }
    });
    expect(accepted).toBeLessThan(15);
  });

  test("that are not stack files are refused without showing their contents", async () => {
    const texts = fc.oneof(
      hostile,
      fc.constantFrom(
        `config: [${STRING}`,
        `config: ${STRING}\n  - x`,
        `config:\n\tgcp:project: ${STRING}`,
        `a: &a [*a, *a]\nconfig: *b`,
        `config: "${STRING}`,
        "- config",
        "config: 1",
        "%YAML 9.9\n---\n",
        "config: { config: { config: {",
        `!!js/function 'function () { return "${STRING}" }'`,
      ),
    );
    await forEach(60, texts, (text) => {
      writeFileSync(join(folder, "Pulumi.odd.yaml"), text);
      try {
        parseConfig(programValues(readStackFile("odd", folder).config ?? {}));
      } catch (error) {
        expectReadable((error as Error).message);
        return;
      }
      throw new Error("It was accepted as a configuration.");
    });
  });
});

describe("connection strings", () => {
  const parts = fc.record({
    driver: fc.oneof(fc.constant("postgresql+asyncpg"), hostile),
    user: fc.oneof(fc.constant("settlement_user"), hostile),
    database: fc.oneof(fc.constant("settlement_db"), hostile),
    host: fc.oneof(fc.constant("/cloudsql/fusion-prime:us-central1:db"), hostile),
    separator: fc.constantFrom("://", ":", "//", ""),
  });

  test("are parsed, or refused in a sentence without the password", async () => {
    await forEach(100, parts, ({ driver, user, database, host, separator }) => {
      const parsed = parseConnectionString(`${driver}${separator}${user}:${PASSWORD}@/${database}?host=${host}`);
      if (parsed.ok) return;
      const said = discreet(parsed.problem);
      expect(said).toMatch(/expected (postgresql|PROJECT)/);
      if (![driver, user, database, host].some((part) => leaks(part))) expect(leaks(said)).toBe(false);
    });
  });

  test("and connection names never crash the parser", async () => {
    await forEach(60, hostile, (text) => {
      for (const parsed of [parseConnectionString(text), parseConnectionName(text)]) {
        if (!parsed.ok) expect(parsed.problem).toContain("expected");
      }
    });
  });
});

describe("migration files", () => {
  const good = readMigrations(join(ROOT, "migrations"))[0]?.text ?? "";
  const name = fc.oneof(
    fc.constant("20260101000000_ledger.sql"),
    fc.constantFrom("x.sql", "2026_x.sql", "20261341000000_x.sql", "20260101000000_X y.sql", "$(id).sql", "ü.sql"),
  );
  const text = fc.oneof(
    hostile,
    fc.tuple(hostile, hostile).map(([up, down]) => `-- migrate:up\n${up}\n-- migrate:down\n${down}\n`),
    fc.constantFrom(
      `-- migrate:up\nCREATE ROLE x PASSWORD '${PASSWORD}' (;\n-- migrate:down\nDROP ROLE x;\n`,
      `-- migrate:up\nALTER ROLE settlement_user PASSWORD '${PASSWORD}';\n-- migrate:down\nSELECT 1;\n`,
      `-- migrate:up\n\\connect ${STRING}\n-- migrate:down\nSELECT 1;\n`,
      `-- migrate:up\nCOPY t FROM PROGRAM 'touch created';\n-- migrate:down\nSELECT 1;\n`,
      `-- migrate:up\n${"(".repeat(20_000)}\n-- migrate:down\nSELECT 1;\n`,
      "-- migrate:down\nSELECT 1;\n-- migrate:up\nSELECT 1;\n",
      good.replaceAll("\n", "\r\n"),
      `\ufeff${good}`,
    ),
  );

  test("are linted with findings that name the file, and read or refused in a sentence", async () => {
    const migrations = join(folder, "migrations");
    await forEach(60, fc.tuple(name, text), async ([file, content]) => {
      mkdirSync(migrations);
      cpSync(join(ROOT, "migrations"), migrations, { recursive: true });
      writeFileSync(join(migrations, file), content);
      try {
        for (const finding of await lintMigrations(migrations)) {
          expect(finding.file).toMatch(/^migrations/);
          expectReadable(`${finding.problem} ${finding.remedy}`);
        }
        try {
          readMigrations(migrations);
        } catch (error) {
          expect(error).toBeInstanceOf(MigrationFileError);
          expectReadable((error as Error).message);
        }
      } finally {
        rmSync(migrations, { recursive: true });
      }
    });
    expect(readdirSync(folder)).not.toContain("created");
  });

  test("cannot be created with a path or a command as name", async () => {
    const migrations = join(folder, "made");
    mkdirSync(migrations);
    await forEach(40, hostile, (text) => {
      if (namesMigration(text)) return;
      expect(() => newMigration(migrations, text, new Date())).toThrow("cannot name a migration");
    });
    expect(readdirSync(migrations)).toEqual([]);
  });
});

describe("policy configurations", () => {
  const named = fc.constantFrom(...policies.map((policy) => policy.name));
  const entry = fc.oneof(odd, fc.dictionary(hostile, odd, { maxKeys: 3 }));
  const text = fc.oneof(
    fc.tuple(fc.oneof(named, hostile), entry).map(([policy, value]) => JSON.stringify({ [policy]: value })),
    hostile,
    fc.constantFrom(`{"a": ${STRING}`, "[]", "null", "7", `"${STRING}"`, '{"__proto__": {"polluted": true}}'),
  );

  test("are accepted, or refused in a sentence", async () => {
    let accepted = 0;
    await forEach(120, text, (config) => {
      try {
        readConfig(config);
        accepted++;
      } catch (error) {
        expectReadable((error as Error).message);
      }
    });
    expect(accepted).toBeLessThan(20);
    expect({}).not.toHaveProperty("polluted");
  });
});

test("at least 300 cases were checked", () => {
  expect(total).toBeGreaterThanOrEqual(300);
});
