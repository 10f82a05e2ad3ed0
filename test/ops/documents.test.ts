import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import { parseConfig } from "../../infra/config.ts";
import { CHECKS } from "../../ops/doctor/checks.ts";
import { CONFIG } from "../infra/declared.ts";

const ROOT = join(import.meta.dirname, "../..");
const scripts = (JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { scripts: Record<string, string> })
  .scripts;

/** The text of a script's `--help`. */
function help(script: string): string {
  const program = /\S+\.ts$/.exec(scripts[script] ?? "")?.[0];
  if (program === undefined) return ""; // a command of npm itself
  const file = join(ROOT, program);
  return execFileSync(process.execPath, [file, "--help"], {
    cwd: ROOT,
    encoding: "utf8",
  });
}

const helps = new Map<string, string>();

const documents = readdirSync(join(ROOT, "docs"), { encoding: "utf8", recursive: true });

describe.each(documents.filter((file) => file.endsWith(".md") && file !== "POLICIES.md"))("docs/%s", (name) => {
  const path = join(ROOT, "docs", name);
  const text = readFileSync(path, "utf8");

  test("shows existing commands, options and stacks", () => {
    const commands = [...text.matchAll(/npm (?:run )?(?:--silent )?([\w:-]+)(?: -- ([^\n`]*))?/g)];
    for (const [command, script = "", args = ""] of commands) {
      expect([command, [...Object.keys(scripts), "ci"]]).toEqual([command, expect.arrayContaining([script])]);
      const known = helps.get(script) ?? help(script);
      helps.set(script, known);
      const words = args.trim().split(/\s+/);
      const wanted = [...words.filter((word) => word.startsWith("--")), ...(script === "migration" ? [words[0]] : [])];
      for (const word of wanted) expect([command, known]).toEqual([command, expect.stringContaining(word ?? "")]);
      const stack = /--stack (\S+)/.exec(args)?.[1];
      if (stack !== undefined && stack !== "S")
        expect([command, existsSync(join(ROOT, `Pulumi.${stack}.yaml`))]).toEqual([command, true]);
    }
  });

  test("links to existing files and sections", () => {
    for (const [link, file = "", anchor] of text.matchAll(/\]\(([^)#:]+)(?:#([^)]+))?\)/g)) {
      const target = join(dirname(path), file);
      expect([link, existsSync(target)]).toEqual([link, true]);
      if (anchor === undefined) continue;
      const headings = [...readFileSync(target, "utf8").matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
        title.toLowerCase().replaceAll(" ", "-"),
      );
      expect([link, headings]).toEqual([link, expect.arrayContaining([anchor])]);
    }
  });

  test("shows valid configuration", () => {
    for (const [, yaml = ""] of text.matchAll(/```yaml\n([\s\S]*?)```/g)) {
      const shown = parse(yaml) as Record<string, unknown>;
      const own = Object.fromEntries(
        Object.entries(shown).map(([key, value]) => [key.replace("settlement:", ""), value]),
      );
      expect(parseConfig({ ...CONFIG, ...own })).toMatchObject(own);
    }
    // A known key with a wrong value and an unknown key get different messages.
    for (const [, key = ""] of text.matchAll(/`settlement:([\w.]+)`/g)) {
      const wrong = key.split(".").reduceRight<unknown>((inner, part) => ({ [part]: inner }), -1);
      expect(() => parseConfig({ ...CONFIG, ...(wrong as object) })).not.toThrow("is not a key");
      expect(() => parseConfig({ ...CONFIG, ...(wrong as object) })).toThrow(`settlement:${key} is`);
    }
  });
});

test("docs/DATABASE_SETUP.md names only checks of the doctor", () => {
  const [, table = ""] =
    /## Troubleshooting\n([\s\S]*)/.exec(readFileSync(join(ROOT, "docs/DATABASE_SETUP.md"), "utf8")) ?? [];
  const rows = table
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .slice(2);
  expect(rows.length).toBeGreaterThan(5);
  const named = rows.flatMap((row) => (row.split("|").at(-2) ?? "").split(",").map((title) => title.trim()));
  expect(CHECKS.map(({ title }) => title)).toEqual(expect.arrayContaining(named));
});
