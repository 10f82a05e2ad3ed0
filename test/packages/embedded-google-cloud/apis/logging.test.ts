import { once } from "node:events";
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { Log } from "../../../../packages/embedded-google-cloud/apis/cloudrun/logs.ts";
import { Entries } from "../../../../packages/embedded-google-cloud/apis/logging/entries.ts";
import { parseFilter } from "../../../../packages/embedded-google-cloud/apis/logging/filter.ts";
import { Embedded, message, OTHER_PROJECT, PROJECT } from "../embedded.ts";

const ENTRY = {
  logName: `projects/${PROJECT}/logs/settlement-doctor`,
  resource: { type: "global", labels: { project_id: PROJECT } },
  severity: "ERROR",
  jsonPayload: { message: "Most likely cause", checks: { backup: { verdict: "finding" } }, count: 3, tags: ["a", "b"] },
};

describe("Cloud Logging", () => {
  const embedded = new Embedded();
  beforeAll(() => embedded.start("logging.googleapis.com"));
  afterAll(() => embedded.remove());

  const write = (body: object, token?: string) =>
    embedded.post("/v2/entries:write", body, token === undefined ? {} : { token });
  const list = async (filter: string, more: object = {}) => {
    const body = { resourceNames: [`projects/${PROJECT}`], filter, ...more };
    const answer = await embedded.post("/v2/entries:list", body);
    expect([answer.status, message(answer)]).toEqual([200, undefined]);
    return (answer.body.entries ?? []) as (typeof ENTRY & { insertId: string; timestamp: string })[];
  };

  test("finds an entry by a filter, with its id and its times, even after a restart", async () => {
    expect(await write({ entries: [{ ...ENTRY, insertId: "first" }] })).toMatchObject({ status: 200, body: {} });
    await embedded.stop();
    await embedded.start();
    const [entry] = await list('insertId="first"');
    expect(entry).toMatchObject({ ...ENTRY, insertId: "first", timestamp: expect.any(String) as string });
    expect(await list('insertId="second"')).toEqual([]);
  });

  test("applies common fields to every entry, and orders entries by time", async () => {
    const { jsonPayload, severity: _every, ...common } = ENTRY;
    const at = (timestamp: string) => ({ jsonPayload, timestamp, insertId: `at ${timestamp}`, severity: "INFO" });
    await write({ ...common, entries: [at("2026-01-02T00:00:00Z"), at("2026-01-01T00:00:00Z")] });
    const ids = async (orderBy: string) =>
      (await list('severity=INFO AND timestamp<"2026-02-01T00:00:00Z"', { orderBy })).map(({ insertId }) => insertId);
    expect(await ids("timestamp asc")).toEqual(["at 2026-01-01T00:00:00Z", "at 2026-01-02T00:00:00Z"]);
    expect(await ids("timestamp desc")).toEqual(["at 2026-01-02T00:00:00Z", "at 2026-01-01T00:00:00Z"]);
    expect(await list("severity=INFO", { pageSize: 1 })).toHaveLength(1);
  });

  test("answers in pages, which new entries do not disturb", async () => {
    const { jsonPayload: _none, ...common } = ENTRY;
    const write = (...texts: string[]) =>
      embedded.post("/v2/entries:write", { entries: texts.map((textPayload) => ({ ...common, textPayload })) });
    await write("page 1", "page 2", "page 3", "page 4", "page 5");
    for (const [orderBy, seen] of [
      ["timestamp asc", ["page 1", "page 2", "page 3", "page 4", "page 5", "page 6"]],
      ["timestamp desc", ["page 6", "page 5", "page 4", "page 3", "page 2", "page 1"]],
    ] as const) {
      const texts: string[] = [];
      let pageToken: unknown;
      do {
        const body = {
          resourceNames: [`projects/${PROJECT}`],
          filter: 'textPayload=~"^page \\d$"',
          orderBy,
          pageToken,
        };
        const answer = await embedded.post("/v2/entries:list", { ...body, pageSize: 2 });
        texts.push(...(answer.body.entries as { textPayload: string }[]).map(({ textPayload }) => textPayload));
        if (texts.length === 2 && orderBy === "timestamp asc") await write("page 6");
        pageToken = answer.body.nextPageToken;
      } while (pageToken !== undefined);
      expect(texts).toEqual(seen);
    }
  });

  test.each([
    ["no entries", { entries: [] }, "At least one entry must be given."],
    ["no resource", { entries: [{ ...ENTRY, resource: undefined }] }, "A monitored resource must be given."],
    [
      "an unknown field",
      { entries: [{ ...ENTRY, text: "x" }] },
      `Unknown name "text" at 'entries[0]': Cannot find field.`,
    ],
    ["two payloads", { entries: [{ ...ENTRY, textPayload: "x" }] }, "An entry has one payload."],
    ["no log", { entries: [{ ...ENTRY, logName: "nothing" }] }, "Invalid name: nothing."],
    [
      "an entry that is too large",
      { entries: [{ ...ENTRY, textPayload: undefined, jsonPayload: { text: "x".repeat(300_000) } }] },
      "256",
    ],
  ])("refuses %s", async (_what, body, sentence) => {
    const answer = await write(body);
    expect(answer.status).toBe(400);
    expect(message(answer)).toContain(sentence);
  });

  test("requires one role to write and another to read, and an existing project", async () => {
    const { identities } = embedded.cloud;
    const bindings = [
      { role: "roles/owner", members: ["user:owner@local.test"] },
      { role: "roles/logging.logWriter", members: ["user:writer@example.com"] },
      { role: "roles/viewer", members: ["user:viewer@example.com"] },
    ];
    await embedded.post(`/v1/projects/${PROJECT}:setIamPolicy`, { policy: { bindings } });
    const [writer, viewer] = ["user:writer@example.com", "user:viewer@example.com"].map((who) =>
      identities.tokenFor(who),
    );
    const read = (token?: string) =>
      embedded.post(
        "/v2/entries:list",
        { resourceNames: [`projects/${PROJECT}`] },
        token === undefined ? {} : { token },
      );
    expect([(await write({ entries: [ENTRY] }, writer)).status, (await read(writer)).status]).toEqual([200, 403]);
    expect([(await write({ entries: [ENTRY] }, viewer)).status, (await read(viewer)).status]).toEqual([403, 200]);
    const elsewhere = { ...ENTRY, logName: "projects/nowhere/logs/x" };
    expect((await write({ entries: [ENTRY, elsewhere] })).status).toBe(403);
    await embedded.post(`/v1/projects/${OTHER_PROJECT}/services/logging.googleapis.com:disable`);
    expect((await write({ entries: [{ ...ENTRY, logName: `projects/${OTHER_PROJECT}/logs/x` }] })).status).toBe(403);
  });

  test("refuses an alert policy whose filter is invalid", async () => {
    await embedded.post(`/v1/projects/${PROJECT}/services/monitoring.googleapis.com:enable`);
    const answer = await embedded.post(`/v3/projects/${PROJECT}/alertPolicies`, {
      displayName: "Broken",
      combiner: "OR",
      conditions: [{ displayName: "Broken", conditionMatchedLog: { filter: "severity>=ERROR AND (" } }],
    });
    expect([answer.status, message(answer)]).toEqual([400, 'Unparseable filter: syntax error at "its end".']);
  });
});

describe("a filter of the Logging query language", () => {
  test.each([
    ["", true],
    ['severity=ERROR AND log_id("settlement-doctor")', true],
    ['log_id("doctor")', false],
    ["severity>=WARNING", true],
    ["severity>=CRITICAL", false],
    ["severity<warning", false],
    ['resource.type="GLOBAL"', true],
    ['resource.labels.project_id!="fusion-prime"', false],
    ['jsonPayload.checks.backup.verdict=("consequence" OR "finding")', true],
    ['jsonPayload.checks.tables.verdict=("consequence" OR "finding")', false],
    ['NOT jsonPayload.checks.tables.verdict="finding"', true],
    ['jsonPayload.message:"LIKELY cause"', true],
    ["jsonPayload.count>2", true],
    ["jsonPayload.count>3", false],
    ["jsonPayload.count<=2", false],
    ['jsonPayload.tags="b"', true],
    ['jsonPayload."message":"cause"', true],
    ["severity=(ERROR OR INFO)", true],
    ['jsonPayload.message:("likely" AND "cause")', true],
    ['jsonPayload.message:("likely" AND NOT "cause")', false],
    ["resource.labels.project_id:*", true],
    ["resource.labels.zone:*", false],
    // Text anywhere in the entry.
    ["cause", true],
    ['"likely cause"', true],
    ["-cause", false],
    ["nothing", false],
    ["jsonPayload:backup OR jsonPayload:finding", true],
    ['jsonPayload.message=~"^Most .* cause$"', true],
    ['jsonPayload.message=~"most"', false],
    ['jsonPayload.message=~"(?i)most"', true],
    ['jsonPayload.message!~"^Least"', true],
    ['jsonPayload.words!~"^Least"', false],
    [`logName=projects/${PROJECT}/logs/settlement-doctor -- a comment`, true],
    // OR binds tighter than AND.
    ['severity=ERROR OR severity=INFO AND resource.type="nothing"', false],
    ['severity=INFO severity=ERROR OR resource.type="global"', false],
    ['(severity=INFO AND severity=ERROR) OR resource.type="global"', true],
  ])("%s", (filter, matches) => {
    expect(parseFilter(filter)(ENTRY)).toBe(matches);
  });

  test.each([
    "severity=",
    "severity=BAD",
    "timestamp>yesterday",
    'a=~"("',
    'a=~"(?=b)"',
    "a=b*",
    "AND",
    "=ERROR",
    "(severity=ERROR",
    "severity=ERROR)",
    'a="',
    "a ~ b",
    "a=b OR",
    "a@b=1",
  ])("refuses %s", (filter) => {
    expect(() => parseFilter(filter)).toThrow("Unparseable filter");
  });

  test("refuses functions that it does not evaluate", () => {
    expect(() => parseFilter("sample(insertId, 0.1)")).toThrow("The embedded cloud does not evaluate sample()");
  });

  test("limits the depth of parentheses", () => {
    expect(() => parseFilter("(".repeat(10_000))).toThrow("too many parentheses");
  });
});

describe("the entries", () => {
  const folder = mkdtempSync(join(tmpdir(), "log-entries-"));
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  test("survive a killed process, and are taken over from a state with a file for each", () => {
    const old = { ...ENTRY, insertId: "old", timestamp: "2026-01-01T00:00:00.000Z" };
    const place = join(folder, "log-entries");
    mkdirSync(place);
    writeFileSync(join(place, "old.json"), JSON.stringify({ key: `${PROJECT}/2026/old`, value: old }));
    const killed = new Entries(folder);
    killed.write(PROJECT, ENTRY);
    killed.close();
    killed.write(PROJECT, { ...ENTRY, severity: "late" });
    appendFileSync(join(place, "current.jsonl"), '{"project":"half of a l');
    const entries = new Entries(folder);
    entries.write(PROJECT, ENTRY);
    expect(entries.list(PROJECT)).toMatchObject([{ insertId: "old" }, ENTRY, ENTRY]);
    expect(entries.list(OTHER_PROJECT)).toEqual([]);
    expect(readdirSync(place)).toEqual(["current.jsonl"]);
    entries.close();
  });

  test("are bounded", () => {
    const entries = new Entries(folder);
    const jsonPayload = { text: "x".repeat(200_000) };
    for (let count = 0; count < 100; count++) entries.write(PROJECT, { ...ENTRY, jsonPayload });
    const { length } = entries.list(PROJECT);
    expect(length).toBeGreaterThan(50);
    expect(length).toBeLessThan(90);
    entries.close();
  });
});

describe("lines of a program", () => {
  test.each<[string, object]>([
    ["text", { textPayload: "text" }],
    ['{"severity":"error","message":"no"}', { severity: "ERROR", jsonPayload: { message: "no" } }],
    ['{"severity":"bad","n":1}', { jsonPayload: { severity: "bad", n: 1 } }],
    ['{"time":"2026-01-01T00:00:00Z","a":1}', { timestamp: "2026-01-01T00:00:00.000Z", jsonPayload: { a: 1 } }],
    [
      '{"logging.googleapis.com/labels":{"a":"b"},"httpRequest":1}',
      { labels: { a: "b" }, jsonPayload: { httpRequest: 1 } },
    ],
    ["{not JSON", { textPayload: "{not JSON" }],
  ])("%s", async (line, entry) => {
    const seen: unknown[] = [];
    const output = new PassThrough();
    new Log("/dev/null", (id, fields) => seen.push([id, fields])).follow("stdout", output);
    output.write(line.slice(0, 3));
    output.end(`${line.slice(3)}\r\n\nlast`);
    await once(output, "end");
    expect(seen).toEqual([
      ["stdout", entry],
      ["stdout", { textPayload: "last" }],
    ]);
  });
});
