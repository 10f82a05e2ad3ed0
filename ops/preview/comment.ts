import { readFileSync } from "node:fs";
import { UserError } from "../terminal/user-error.ts";
import { marker } from "./markdown.ts";

/** What GitHub Actions tells each job: https://docs.github.com/actions/reference/variables-reference */
interface Runner {
  readonly GITHUB_API_URL?: string;
  readonly GITHUB_REPOSITORY?: string;
  /** File with the event that began the job. */
  readonly GITHUB_EVENT_PATH?: string;
  /** The job's token, which the workflow has to hand over. */
  readonly GITHUB_TOKEN?: string;
}

interface Comment {
  readonly id: number;
  readonly body: string;
  readonly user: { readonly type: string };
}

/** Most that GitHub puts on one page. */
const PAGE = 100;

/**
 * Writes a preview into the one comment that its stack has on the pull request: the comment of an earlier push is edited.
 * @param stack The stack's name.
 * @throws UserError outside of a pull request's job, and where GitHub refuses.
 */
export async function writeComment(stack: string, markdown: string, runner: Runner = process.env): Promise<void> {
  const { GITHUB_API_URL: api, GITHUB_EVENT_PATH: event, GITHUB_REPOSITORY: repository, GITHUB_TOKEN: token } = runner;
  if (!api || !event || !repository || !token) {
    throw new UserError(
      "--comment is for jobs of GitHub Actions, and needs GITHUB_TOKEN in their environment; elsewhere use --out.",
    );
  }
  const { pull_request: pull } = JSON.parse(readFileSync(event, "utf8")) as { pull_request?: { number: number } };
  if (!pull) throw new UserError("--comment is for jobs of a pull request, and this one began with another event.");
  const ask = async <T>(method: string, path: string, body?: object): Promise<T> => {
    const response = await fetch(`${api}/repos/${repository}/issues/${path}`, {
      method,
      headers: { accept: "application/vnd.github+json", authorization: `Bearer ${token}` },
      ...(body && { body: JSON.stringify(body) }),
    });
    if (response.ok) return (await response.json()) as T;
    throw new UserError(`GitHub refused the comment (${method} ${path}, ${response.status}): ${await response.text()}`);
  };
  const comments = `${pull.number}/comments`;
  let own: Comment | undefined;
  for (let page = 1, full = true; full && !own; page++) {
    const found = await ask<Comment[]>("GET", `${comments}?per_page=${PAGE}&page=${page}`);
    own = found.find(({ body, user }) => user.type === "Bot" && body.includes(marker(stack)));
    full = found.length === PAGE;
  }
  await (own ? ask("PATCH", `comments/${own.id}`, { body: markdown }) : ask("POST", comments, { body: markdown }));
}
