import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import fc from "fast-check";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { LIMIT, render } from "../../../ops/preview/markdown.ts";
import { isBlocked, type Report } from "../../../ops/preview/report.ts";
import { renderText } from "../../../ops/preview/text.ts";
import {
  configured,
  type Declared,
  failure,
  files,
  found,
  replacement,
  report,
  schemaAt,
  secret,
  step,
  types,
  unknown,
  urn,
  violation,
} from "./engine.ts";

const instance: Declared = { type: types.instance, name: "instance", component: "Database", id: "p/i" };
const user: Declared = { type: types.user, name: "user", component: "Database", id: "p/i/u" };
const service: Declared = { type: types.service, name: "service", component: "Service", id: "p/s" };
const object: Declared = { type: types.object, name: "script", id: "b/script", retainOnDelete: true };
const schema: Declared = { type: types.schema, name: "schema", component: "Schema", id: "p/i/d" };
const account: Declared = { type: types.account, name: "account" };

const image = (tag: string) => ({ template: { containers: [{ name: "app", image: `h/p/n:${tag}` }] } });

const job = (name: string) => ({ template: { template: { containers: [{ image: name }] } } });

const machine = (tier: string) => ({ region: "us-central1", settings: { tier } });

const RUN = {
  commit: "0123456789abcdef",
  url: "https://github.com/acme/settlement/actions/runs/42",
  time: "2026-11-28 01:02 UTC",
};

const repeatables = (checksum: string) => [{ version: "", file: "repeatable/view.sql", checksum }];
const other = [{ version: "", file: "repeatable/other.sql", checksum: "x" }];
const planned = schemaAt(3).migrations as readonly unknown[];

/** Every kind of change and every section of a comment. */
const everything: EngineEvent[] = [
  step("same", account, { before: {}, after: {} }),
  ...replacement(instance, { region: "us-central1", tier: "a" }, { region: "europe-west1", tier: "a" }, ["region"]),
  step(
    "update",
    user,
    { before: { name: "u", password: secret }, after: { name: "u", password: secret } },
    { diffs: ["password"] },
  ),
  step("update", service, { before: image("1"), after: image("2") }),
  step("delete", object, { before: { name: "script" } }),
  step("create", { ...account, name: "second account" }, { after: { accountId: unknown, disabled: false } }),
  step("update", schema, { before: schemaAt(1), after: schemaAt(3) }),
  violation("mandatory", "tls-only", "Connections are encrypted.\nSet sslMode to ENCRYPTED_ONLY.\n", instance),
  violation("advisory", "labels", "Resources have labels.\nAdd the label cost-center.\n", service),
  failure("unable to replace: it is protected", instance),
  configured({ "settlement:allowDestructive": '["gone@0123456789ab"]' }),
];
const dependencies = new Map([
  [urn(user), [urn(instance)]],
  [urn(schema), [urn(instance), urn(user)]],
  [urn(service), [urn(schema), urn(instance)]],
]);

/** Compares with a file beside this one; `UPDATE_GOLDEN=1 npx jest test/ops/preview` rewrites them. */
function expectGolden(file: string, text: string): void {
  const path = join(import.meta.dirname, file);
  if (process.env.UPDATE_GOLDEN !== undefined) writeFileSync(path, text);
  expect(existsSync(path) ? readFileSync(path, "utf8") : `${path} does not exist`).toBe(text);
}

const reports = {
  unchanged: report([step("same", account, { before: {}, after: {} })]),
  "new-stack": report(
    [step("create", account, { after: { accountId: "a" } }), step("create", schema, { after: schemaAt(2) })],
    {
      offline: true,
    },
  ),
  "schema-down": report([step("update", schema, { before: schemaAt(2), after: schemaAt(1) })]),
  "migration-mistakes": report([step("update", schema, { before: schemaAt(2), after: schemaAt(3) })], {
    lint: [
      {
        file: "migrations/20250103000000_note.sql",
        line: 3,
        rule: "destructive",
        problem: "This drops a column.",
        remedy: "Say why.",
        level: "error",
      },
      { file: "migrations", line: 1, rule: "history", problem: "Git knows no main.", remedy: "None.", level: "advice" },
    ],
  }),
  "out-of-order": report([
    step("update", schema, { before: { ...schemaAt(3), migrations: [planned[0], planned[2]] }, after: schemaAt(3) }),
  ]),
  repeatable: report([
    step("update", schema, {
      before: { ...schemaAt(2), repeatables: repeatables("old") },
      after: { ...schemaAt(2), repeatables: [...repeatables("new"), ...other] },
    }),
  ]),
  "empty-down": report([step("update", schema, { before: schemaAt(4), after: schemaAt(3) })]),
  "held-back": report([
    step("same", account, { before: {}, after: {} }),
    configured({ "settlement:schema": '{"version":"20250101000000"}' }),
  ]),
  "failed-program": report([
    failure("The stack's configuration needs a change:\n  - gcp:region is missing.\n"),
    failure("failed to run policy: context canceled", service),
    failure("preview failed"),
  ]),
  drift: report(
    [
      step("refresh", account, { before: {}, after: {} }),
      found(account, {}, {}),
      found(instance, { settings: { backups: 7, tier: "a" } }, { settings: { backups: 2, tier: "a" } }, [
        "settings.backups",
      ]),
      found(user, { password: secret }, { password: secret }, ["password"]),
      found(service, image("1"), image("1"), ["traffic"]),
      found(object, { name: "script" }, undefined),
      step("create", object, { after: { name: "script" } }),
      step("same", account, { before: {}, after: {} }),
    ],
    {
      refreshed: true,
      schema: {
        source: "Read by an import that changed nothing.",
        differences: [
          "table settlement_commands: column note is missing",
          "table settlement_commands: index by_payer was created manually",
        ],
      },
    },
  ),
  "no-drift": report([found(account, {}, {}), step("same", account, { before: {}, after: {} })], {
    refreshed: true,
    schema: { source: "Read by an import that changed nothing.", differences: [] },
  }),
  "new-image": report(
    [
      step("update", service, { before: image("1.0.0"), after: image("1.0.1") }),
      step(
        "update",
        { ...service, type: types.job, name: "job" },
        { before: job(`h/p/m@sha256:${"0".repeat(64)}`), after: job(`h/p/m@sha256:${"ab".repeat(32)}`) },
      ),
      step(
        "update",
        { ...service, type: types.job, name: "moved" },
        { before: job("h/p/m:1"), after: job("other/p/m:1") },
      ),
      step("update", instance, { before: machine("db-custom-1-3840"), after: machine("db-custom-2-7680") }),
      step(
        "create",
        { ...instance, name: "abroad" },
        { after: { ...machine("db-custom-1-3840"), region: "asia-east1" } },
      ),
    ],
    { origin: { run: RUN, pull: true } },
  ),
  "blocked-push": report([violation("mandatory", "p", "No.")], { origin: { run: RUN, pull: true } }),
  everything: report(everything, { dependencies }),
} satisfies Record<string, Report>;

describe("the comment", () => {
  test.each(Object.entries(reports))("matches %s.md", (name, one) => {
    expectGolden(`${name}.md`, render(one));
  });

  test("has the new tag or digest, the commit, the run and the next step in its first lines", () => {
    const [, , ...lines] = render(reports["new-image"]).split("\n").slice(0, 9);
    expect(lines.filter(Boolean)).toEqual([
      "**Image** of `job`: `sha256:000000000000` → `sha256:abababababab`",
      "**Image** of `moved`: `h/p/m:1` → `other/p/m:1`",
      "**Image** of `service`: `1.0.0` → `1.0.1`",
      `Commit \`0123456789ab\`, [run](${RUN.url}) of 2026-11-28 01:02 UTC. Next: merge; the pipeline then updates test.`,
    ]);
  });

  test("shows what to run on a person's machine", () => {
    const changed = [step("update", service, { before: image("1"), after: image("2") })];
    const next = (more: Partial<Report>) =>
      /Next: .*/.exec(render(report(changed, { origin: { pull: false }, ...more })))?.[0];
    expect(next({})).toBe("Next: `npm run up -- --stack test`");
    expect(next({ refreshed: true })).toBe("Next: `npm run up -- --stack test --refresh`");
  });

  test("has a picture of 25 resources, not of 26", () => {
    const many = (count: number) =>
      Array.from({ length: count }, (_, index) => step("create", { ...account, name: `a${index}` }, { after: {} }));
    expect(render(report(many(25)))).toContain("```mermaid");
    expect(render(report(many(26)))).not.toContain("mermaid");
  });

  test("has no backslash in a summary", () => {
    for (const one of Object.values(reports)) expect(render(one)).not.toMatch(/<summary>[^<]*\\/);
  });

  test("is one line if nothing changes", () => {
    expect(render(reports.unchanged)).toMatch(
      /^### ✅ test is unchanged: 1 resource\. <!-- settlement preview: test -->\n$/,
    );
  });

  test("has the verdict in its first line, and plus and minus in the first column", () => {
    const lines = render(reports.everything).split("\n");
    expect(lines[0]).toContain("⛔ test is blocked by 1 policy violation, 1 change that would lose data, 1 error");
    expect(lines).toContain('- template.containers[app].image: "h/p/n:1"');
    expect(lines).toContain('+ template.containers[app].image: "h/p/n:2"');
  });

  test("does not depend on the order of the engine's events", () => {
    const expected = render(reports.everything);
    fc.assert(
      fc.property(fc.shuffledSubarray(everything, { minLength: everything.length }), (events) => {
        expect(render(report(events, { dependencies }))).toBe(expected);
      }),
      { numRuns: 30 },
    );
  });
});

describe("a preview on a terminal", () => {
  const plain = { width: 80, colour: false };

  test("matches everything.txt, within 80 columns", () => {
    const text = renderText(reports.everything, plain);
    expectGolden("everything.txt", text);
    for (const line of text.split("\n")) expect([line, line.length <= 80]).toEqual([line, true]);
  });

  test.each(Object.entries(reports))("has no markup in %s", (_name, one) => {
    const text = renderText(one, plain).replaceAll(files[2]?.text.split("\n")[1] ?? "", "");
    expect(text).not.toMatch(/[*`|\\]|<\w|&\w+;|^#/m);
  });

  test("differs in colours only", () => {
    const coloured = renderText(reports.everything, { width: 80, colour: true });
    expect(coloured).not.toBe(stripVTControlCharacters(coloured));
    expect(stripVTControlCharacters(coloured)).toBe(renderText(reports.everything, plain));
  });

  test("escapes what would control the terminal", () => {
    const text = renderText(report([failure("a \u001b[31mred\u001b[0m \u0007bell \u202eover")]), plain);
    for (const character of ["\u001b", "\u0007", "\u202e"]) expect(text).not.toContain(character);
  });
});

describe("the verdict", () => {
  test.each(["unchanged", "new-stack"] as const)("does not block %s", (name) => {
    expect(isBlocked(reports[name])).toBe(false);
  });
  test.each(["schema-down", "failed-program", "everything"] as const)("blocks %s", (name) => {
    expect(isBlocked(reports[name])).toBe(true);
  });
  test("is not affected by advice", () => {
    expect(isBlocked(report([violation("advisory", "labels", "Add a label.")]))).toBe(false);
  });
});

describe("secrets and hostile values", () => {
  test("masks credentials, whether marked as secret or not", () => {
    const password = "Zq7/plain+Password";
    const markdown = render(
      report([
        step("create", user, {
          after: { password, url: `postgresql://u:${encodeURIComponent(password)}@/d`, key: secret },
        }),
        failure(`cannot connect to postgresql://u:${encodeURIComponent(password)}@host/d`),
      ]),
    );
    expect(markdown).toContain("+ password: [secret]");
    expect(markdown).toContain("+ key: [secret]");
    expect(markdown).toContain('+ url: "postgresql://u:[secret]@/d"');
    expect(markdown).not.toContain("Zq7");
  });

  test("escapes every value", () => {
    const evil = "x`|</details><img src=x>@everyone #1 [a](http://b) \n```\n### ✅ fine\u202e\u0007";
    const markdown = render(
      report([
        step("create", { ...account, name: evil }, { after: { [evil]: evil } }),
        violation("mandatory", "p", evil, { ...account, name: evil }),
        failure(evil),
      ]),
    );
    const outside = markdown.replace(/^(`{3,})\w+\n[\s\S]*?^\1$/gm, "").replace(/`[^`\n]*`/g, "");
    expect(outside).not.toMatch(/<img|@everyone|#1|\[a\]\(/);
    expect(markdown.match(/^###/gm)).toHaveLength(1);
    expect(markdown.match(/^<\/details>/gm)).toHaveLength(markdown.match(/^<details>/gm)?.length ?? 0);
    expect(markdown).not.toMatch(/\p{Cf}/u);
  });

  test("keeps SQL inside its code block", () => {
    const markdown = render(report([step("create", schema, { after: schemaAt(3) })]));
    expect(markdown).toContain("````sql\n-- ``` is no fence\nALTER TABLE b ADD COLUMN note text;\n````");
    expect(markdown).not.toContain("DROP COLUMN note");
  });
});

test("says why the schema was not compared", () => {
  const why = "The schema of test cannot be compared: permission denied.";
  const markdown = render(report([step("same", account, { before: {}, after: {} })], { schema: { why } }));
  expect(markdown).toContain(`\n${why}\n`);
  expect(markdown).not.toContain("No difference");
});

describe("GitHub's limit", () => {
  const many = (count: number, size: number) =>
    Array.from({ length: count }, (_, index) =>
      step(
        "create",
        { ...account, name: `account-${String(index).padStart(5, "0")}` },
        { after: { text: "é".repeat(size) } },
      ),
    );

  test("omits details first, and says what is missing", () => {
    const markdown = render(report([...many(300, 250), step("create", schema, { after: schemaAt(2) })]));
    expect(Buffer.byteLength(markdown)).toBeLessThanOrEqual(LIMIT);
    expect(markdown).toContain("account-00299");
    expect(markdown).toContain("20250102000000_create_b.sql");
    expect(markdown).toContain("Omitted because of GitHub's size limit: the properties of created resources");
  });

  test("then omits rows, but never the verdict, the violations or the advice", () => {
    const loud = Array.from({ length: 500 }, (_, index) => violation("mandatory", `p${index}`, "*".repeat(2000)));
    const markdown = render(report([...many(5000, 5), ...loud, ...everything]));
    expect(Buffer.byteLength(markdown)).toBeLessThanOrEqual(LIMIT);
    expect(markdown).toMatch(/^### ⛔ test is blocked by 501 policy violations, .*5001 to create/);
    expect(markdown).toContain("and 481 more");
    expect(markdown).toMatch(/^ {4}- instance@[0-9a-f]{12}$/m);
  });
});
