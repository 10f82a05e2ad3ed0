import { readFileSync } from "node:fs";

/** The environment of a job in GitHub Actions: https://docs.github.com/actions/reference/variables-reference */
export interface Runner {
  readonly GITHUB_API_URL?: string;
  /** File with the event that triggered the job. */
  readonly GITHUB_EVENT_PATH?: string;
  readonly GITHUB_REPOSITORY?: string;
  readonly GITHUB_RUN_ID?: string;
  readonly GITHUB_SERVER_URL?: string;
  readonly GITHUB_SHA?: string;
  /** File for the job's summary. */
  readonly GITHUB_STEP_SUMMARY?: string;
  /** The job's token, which the workflow must pass on. */
  readonly GITHUB_TOKEN?: string;
}

/** A pull request, as its event describes it. */
export interface PullRequest {
  readonly number: number;
  readonly head?: { readonly sha: string };
}

/** Where a preview was made. */
export interface Origin {
  /** The run of a pipeline; none on a person's machine. */
  readonly run?: { readonly commit: string; readonly url: string; readonly time: string };
  /** Whether it is for a pull request, which a pipeline deploys after the merge. */
  readonly pull: boolean;
}

/** Where this process previews. @param now The time; the current one by default. */
export function originOf(runner: Runner = process.env, now = new Date()): Origin {
  const { GITHUB_REPOSITORY: repository, GITHUB_RUN_ID: id, GITHUB_SERVER_URL: server, GITHUB_SHA: sha = "" } = runner;
  const pull = pullRequestOf(runner);
  if (!repository || !id || !server) return { pull: pull !== undefined };
  const url = `${server}/${repository}/actions/runs/${id}`;
  const time = `${now.toISOString().slice(0, 16).replace("T", " ")} UTC`;
  // GITHUB_SHA of a pull request is its merge with main, which the reviewer does not know.
  return { run: { commit: pull?.head?.sha ?? sha, url, time }, pull: pull !== undefined };
}

/** The pull request that triggered this job; undefined elsewhere. */
export function pullRequestOf({ GITHUB_EVENT_PATH: event }: Runner): PullRequest | undefined {
  if (!event) return undefined;
  return (JSON.parse(readFileSync(event, "utf8")) as { pull_request?: PullRequest }).pull_request;
}
