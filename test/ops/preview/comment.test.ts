import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commentOf } from "../../../ops/preview/comment.ts";
import { marker } from "../../../ops/preview/markdown.ts";
import { originOf } from "../../../ops/preview/origin.ts";
import { FakeGitHub, type Refusal, REFUSALS } from "../../pipelines/github.ts";

const REPOSITORY = "acme/settlement";

describe("the comment of a preview", () => {
  let github: FakeGitHub;
  let folder: string;
  const runner = (more: object = {}) => ({
    GITHUB_API_URL: github.url,
    GITHUB_REPOSITORY: REPOSITORY,
    GITHUB_EVENT_PATH: join(folder, "event.json"),
    GITHUB_STEP_SUMMARY: join(folder, "summary.md"),
    GITHUB_TOKEN: "token",
    ...more,
  });
  const write = (stack: string, text: string, more: object = {}) =>
    commentOf(stack, runner(more), 1).write(`${text} ${marker(stack)}`);
  const summary = () => readFileSync(join(folder, "summary.md"), "utf8");

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "comment-"));
    writeFileSync(join(folder, "event.json"), JSON.stringify({ pull_request: { number: 7, head: { sha: "abc" } } }));
    github = new FakeGitHub("token", REPOSITORY, 7);
    await github.start();
  });
  afterEach(() => {
    github.stop();
    rmSync(folder, { recursive: true });
  });

  test("exists once per stack and is edited on each push, among any number of others", async () => {
    github.add(`I quote ${marker("staging")}`, "User");
    for (let number = 0; number < 150; number++) github.add("other", "User");
    await write("staging", "first");
    await write("prod", "first");
    await write("staging", "second");
    expect(github.comments.slice(151).map(({ body }) => body)).toEqual([
      `second ${marker("staging")}`,
      `first ${marker("prod")}`,
    ]);
    expect(github.comments[0]?.body).toBe(`I quote ${marker("staging")}`);
    expect(github.changes).toEqual(["POST", "POST", "PATCH"]);
  });

  test.each<[string, Refusal[]]>([
    ["a gateway's errors", [REFUSALS.badGateway, { ...REFUSALS.badGateway, method: "POST" }, REFUSALS.badGateway]],
    ["rate limits that say how long to wait", [REFUSALS.tooMany, { ...REFUSALS.secondary, method: "POST" }]],
    ["the loss of the answer", [{ ...REFUSALS.badGateway, method: "POST", lost: true }]],
  ])("survives %s, and is written once", async (_what, refusals) => {
    github.refusals.push(...refusals);
    expect(await write("staging", "text")).toBeUndefined();
    expect(github.refusals).toEqual([]);
    expect(github.comments.map(({ body }) => body)).toEqual([`text ${marker("staging")}`]);
    expect(existsSync(join(folder, "summary.md"))).toBe(false);
  });

  test.each<[string, Refusal[], string]>([
    [
      "a token that may only read",
      [REFUSALS.readOnly],
      "(POST 7/comments, 403): Resource not accessible by integration.",
    ],
    ["a rate limit of an hour", [REFUSALS.primary], "403): API rate limit exceeded for installation ID 1."],
    ["a gateway that stays down", Array<Refusal>(4).fill(REFUSALS.badGateway), "502): no reason given."],
  ])("is in the job's summary after %s", async (_what, refusals, why) => {
    github.refusals.push(...refusals);
    writeFileSync(join(folder, "summary.md"), "Before.\n");
    const elsewhere = await write("staging", "text");
    expect(elsewhere).toContain("GitHub did not take the comment (");
    expect(elsewhere).toContain(`${why} The preview is in the job's summary.`);
    expect(summary()).toBe(`Before.\ntext ${marker("staging")}`);
    expect([github.refusals, github.comments]).toEqual([[], []]);
  });

  test("is on the terminal only if there is no summary either, as with a wrong token", async () => {
    const more = { GITHUB_TOKEN: "other", GITHUB_STEP_SUMMARY: undefined };
    expect(await write("staging", "text", more)).toBe(
      "GitHub did not take the comment (GET 7/comments?per_page=100&page=1, 401): Bad credentials. The preview is above.",
    );
    const gone = new FakeGitHub("token", REPOSITORY, 7);
    await gone.start();
    gone.stop();
    expect(await write("staging", "text", { GITHUB_API_URL: gone.url })).toContain("ECONNREFUSED");
  });

  test("fails outside a pull request, before anything is previewed", () => {
    expect(() => commentOf("staging", {})).toThrow("--comment works only in GitHub Actions jobs");
    writeFileSync(join(folder, "event.json"), "{}");
    expect(() => commentOf("staging", runner())).toThrow("another event triggered this one");
  });

  test("names the commit that was pushed, not its merge, and the run", () => {
    const job = { GITHUB_RUN_ID: "42", GITHUB_SERVER_URL: "https://github.com", GITHUB_SHA: "merge" };
    expect(originOf(runner(job), new Date("2026-11-28T01:02:03Z"))).toEqual({
      run: {
        commit: "abc",
        url: "https://github.com/acme/settlement/actions/runs/42",
        time: "2026-11-28 01:02 UTC",
      },
      pull: true,
    });
    expect(originOf({})).toEqual({ pull: false });
  });
});
