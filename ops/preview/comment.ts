import { readFileSync } from "node:fs";
import { UserError } from "../terminal/user-error.ts";
import { marker } from "./markdown.ts";

/** The environment of a GitHub Actions job: https://docs.github.com/actions/reference/variables-reference */
interface Runner {
  readonly GITHUB_API_URL?: string;
  readonly GITHUB_REPOSITORY?: string;
  /** File with the event that triggered the job. */
  readonly GITHUB_EVENT_PATH?: string;
  /** The job's token, which the workflow must pass on. */
  readonly GITHUB_TOKEN?: string;
}

interface Comment {
  readonly id: number;
  readonly body: string;
  readonly user: { readonly type: string };
}

/** GitHub's largest page size. */
const PAGE = 100;

/**
 * Writes a preview into its stack's comment on the pull request, and edits the comment of an earlier push.
 * @param stack The stack's name.
 * @throws UserError outside a pull request's job, and if GitHub rejects the comment.
 */
export async function writeComment(stack: string, markdown: string, runner: Runner = process.env): Promise<void> {
  const { GITHUB_API_URL: api, GITHUB_EVENT_PATH: event, GITHUB_REPOSITORY: repository, GITHUB_TOKEN: token } = runner;
  if (!api || !event || !repository || !token) {
    throw new UserError(
      "--comment works only in GitHub Actions jobs with GITHUB_TOKEN in their environment; elsewhere use --out.",
    );
  }
  const { pull_request: pull } = JSON.parse(readFileSync(event, "utf8")) as { pull_request?: { number: number } };
  if (!pull) throw new UserError("--comment works only in pull request jobs; another event triggered this one.");
  const request = async <T>(method: string, path: string, body?: object): Promise<T> => {
    const response = await fetch(`${api}/repos/${repository}/issues/${path}`, {
      method,
      headers: { accept: "application/vnd.github+json", authorization: `Bearer ${token}` },
      ...(body && { body: JSON.stringify(body) }),
    });
    if (response.ok) return (await response.json()) as T;
    throw new UserError(
      `GitHub rejected the comment (${method} ${path}, ${response.status}): ${await response.text()}`,
    );
  };
  const comments = `${pull.number}/comments`;
  let own: Comment | undefined;
  for (let page = 1, full = true; full && !own; page++) {
    const found = await request<Comment[]>("GET", `${comments}?per_page=${PAGE}&page=${page}`);
    own = found.find(({ body, user }) => user.type === "Bot" && body.includes(marker(stack)));
    full = found.length === PAGE;
  }
  await (own
    ? request("PATCH", `comments/${own.id}`, { body: markdown })
    : request("POST", comments, { body: markdown }));
}
