import { appendFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { interrupted } from "../terminal/interrupt.ts";
import { UserError } from "../terminal/user-error.ts";
import { marker } from "./markdown.ts";
import { pullRequestOf, type Runner } from "./origin.ts";

interface Comment {
  readonly id: number;
  readonly body: string;
  readonly user: { readonly type: string };
}

/** GitHub's largest page size. */
const PAGE = 100;

/** How often a comment is tried. */
const TRIES = 4;

/** The longest time to wait for GitHub, in milliseconds; a rate limit may last an hour, which no reviewer waits for. */
const LONGEST = 60_000;

/** A stack's comment on the pull request of this job. */
export interface PullRequestComment {
  /**
   * Writes the comment, and edits that of an earlier push. If GitHub does not take it, for example because the token may only
   * read, writes it into the job's summary instead.
   * @returns Where it went instead, and why; undefined if the comment was written.
   */
  readonly write: (markdown: string) => Promise<string | undefined>;
}

/**
 * The comment of a stack.
 * @param stack The stack's name.
 * @param pause The first pause after an error, in milliseconds, which doubles; a second by default.
 * @throws UserError outside the job of a pull request.
 */
export function commentOf(stack: string, runner: Runner = process.env, pause = 1000): PullRequestComment {
  const { GITHUB_API_URL: api, GITHUB_REPOSITORY: repository, GITHUB_TOKEN: token } = runner;
  if (!api || !runner.GITHUB_EVENT_PATH || !repository || !token) {
    throw new UserError(
      "--comment works only in GitHub Actions jobs with GITHUB_TOKEN in their environment; elsewhere use --out.",
    );
  }
  const pull = pullRequestOf(runner);
  if (!pull) throw new UserError("--comment works only in pull request jobs; another event triggered this one.");
  const issues = new Issues(`${api}/repos/${repository}/issues`, token);
  return {
    write: async (markdown) => {
      for (let attempt = 1; ; attempt++) {
        try {
          await issues.comment(pull.number, marker(stack), markdown);
          return undefined;
        } catch (error) {
          if (!(error instanceof Refused)) throw error;
          const wait = error.wait ?? pause * 2 ** (attempt - 1);
          if (!error.again || attempt === TRIES || wait > LONGEST) return summarise(runner, markdown, error);
          await delay(wait, undefined, { signal: interrupted });
        }
      }
    },
  };
}

function summarise({ GITHUB_STEP_SUMMARY: summary }: Runner, markdown: string, { message }: Refused): string {
  if (!summary) return `${message} The preview is above.`;
  appendFileSync(summary, markdown);
  return `${message} The preview is in the job's summary.`;
}

/** GitHub did not take a request. */
class Refused extends Error {
  /** Whether a later request may succeed. */
  readonly again: boolean;
  /** How long GitHub asks to wait, in milliseconds. */
  readonly wait: number | undefined;

  constructor(message: string, again: boolean, wait?: number) {
    super(message);
    this.again = again;
    this.wait = wait;
  }
}

/** The comments of a repository's pull requests, which are issues to GitHub. */
class Issues {
  private readonly url: string;
  private readonly token: string;

  constructor(url: string, token: string) {
    this.url = url;
    this.token = token;
  }

  /** Looks for the comment first, also after an error: GitHub may have written the one whose response was lost. */
  async comment(pull: number, mark: string, body: string): Promise<void> {
    const comments = `${pull}/comments`;
    let own: Comment | undefined;
    for (let page = 1, full = true; full && !own; page++) {
      const found = (await this.request("GET", `${comments}?per_page=${PAGE}&page=${page}`)) as Comment[];
      own = found.find((one) => one.user.type === "Bot" && one.body.includes(mark));
      full = found.length === PAGE;
    }
    await (own ? this.request("PATCH", `comments/${own.id}`, { body }) : this.request("POST", comments, { body }));
  }

  private async request(method: string, path: string, body?: object): Promise<unknown> {
    const what = `GitHub did not take the comment (${method} ${path}`;
    let response: Response;
    try {
      response = await fetch(`${this.url}/${path}`, {
        method,
        headers: { accept: "application/vnd.github+json", authorization: `Bearer ${this.token}` },
        signal: AbortSignal.any([interrupted, AbortSignal.timeout(LONGEST)]),
        ...(body && { body: JSON.stringify(body) }),
      });
    } catch (error) {
      interrupted.throwIfAborted();
      throw new Refused(`${what}): ${reason(error as Error)}.`, true);
    }
    const text = await response.text();
    if (response.ok) return JSON.parse(text);
    throw new Refused(`${what}, ${response.status}): ${message(text)}`, ...retry(response, text));
  }
}

function reason({ cause, message }: Error): string {
  return Error.isError(cause) ? cause.message : message;
}

/** GitHub's own message; a gateway answers with a page. */
function message(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: string };
    return message === undefined ? "no reason given." : `${message.replace(/\.$/, "")}.`;
  } catch {
    return "no reason given.";
  }
}

/**
 * Whether to try again, and after how many milliseconds:
 * https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
 */
function retry({ headers, status }: Response, text: string): [again: boolean, wait?: number] {
  if (status >= 500) return [true];
  if (status !== 403 && status !== 429) return [false];
  const after = headers.get("retry-after");
  if (after !== null) return [true, Number(after) * 1000];
  if (headers.get("x-ratelimit-remaining") === "0") {
    return [true, Math.max(0, Number(headers.get("x-ratelimit-reset")) * 1000 - Date.now())];
  }
  // Without a header GitHub asks for a minute. Else 403 means that the token may not write.
  return status === 429 || /rate limit/i.test(text) ? [true, LONGEST] : [false];
}
