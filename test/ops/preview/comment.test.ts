import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeComment } from "../../../ops/preview/comment.ts";
import { marker } from "../../../ops/preview/markdown.ts";
import { FakeGitHub } from "../../pipelines/github.ts";

const REPOSITORY = "acme/settlement";

describe("the comment of a preview", () => {
  let github: FakeGitHub;
  let folder: string;
  const runner = (more: object = {}) => ({
    GITHUB_API_URL: github.url,
    GITHUB_REPOSITORY: REPOSITORY,
    GITHUB_EVENT_PATH: join(folder, "event.json"),
    GITHUB_TOKEN: "token",
    ...more,
  });

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "comment-"));
    writeFileSync(join(folder, "event.json"), JSON.stringify({ pull_request: { number: 7 } }));
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
    await writeComment("staging", `first ${marker("staging")}`, runner());
    await writeComment("prod", `first ${marker("prod")}`, runner());
    await writeComment("staging", `second ${marker("staging")}`, runner());
    expect(github.comments.slice(151).map(({ body }) => body)).toEqual([
      `second ${marker("staging")}`,
      `first ${marker("prod")}`,
    ]);
    expect(github.comments[0]?.body).toBe(`I quote ${marker("staging")}`);
    expect(github.changes).toEqual(["POST", "POST", "PATCH"]);
  });

  test("fails with GitHub's own error, and outside a pull request", async () => {
    await expect(writeComment("staging", "", runner({ GITHUB_TOKEN: "other" }))).rejects.toThrow(
      'GitHub rejected the comment (GET 7/comments?per_page=100&page=1, 401): {"message":"Bad credentials"}',
    );
    await expect(writeComment("staging", "", {})).rejects.toThrow("--comment works only in GitHub Actions jobs");
    writeFileSync(join(folder, "event.json"), "{}");
    await expect(writeComment("staging", "", runner())).rejects.toThrow("another event triggered this one");
  });
});
