import type { GoogleAuth } from "google-auth-library";

/** Where the Google APIs are that a migration needs. */
export interface Endpoints {
  /** Cloud SQL Admin, ending in a slash. */
  readonly sql: string;
  /** Cloud Storage's JSON API, ending in a slash. */
  readonly storage: string;
}

/** The endpoints where the stack's configuration names no others. */
export const GOOGLE: Endpoints = {
  sql: "https://sqladmin.googleapis.com/sql/v1beta4/",
  storage: "https://storage.googleapis.com/storage/v1/",
};

/** A Google API refused a request. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";

  /** HTTP status. */
  readonly status: number;
  /** Whether nothing was done; false where an earlier answer to the same request was lost or an error of Google's. */
  readonly nothingDone: boolean;

  constructor(
    status: number,
    message: string,

    nothingDone: boolean,
  ) {
    super(message);
    this.status = status;
    this.nothingDone = nothingDone;
  }
}

/** An operation ended with errors; the message is Google's, and for an import PostgreSQL's. */
export class OperationError extends Error {
  override readonly name = "OperationError";

  /** Google's words for them, such as `ERROR_RDBMS`. */
  readonly codes: readonly string[];

  constructor(codes: readonly string[], message: string) {
    super(message);
    this.codes = codes;
  }
}

interface Content {
  readonly type: string;
  readonly body: string;
}

/** What came back; `error` where nothing did, or where it broke off. */
type Answer =
  | { readonly error?: never; readonly status: number; readonly text: string; readonly retryAfter: number }
  | { readonly error: Error };

/** Cloud SQL's record of work that was asked for. */
interface Operation {
  readonly name: string;
  readonly status: "PENDING" | "RUNNING" | "DONE";
  readonly error?: { readonly errors: readonly { readonly code: string; readonly message?: string }[] };
  /** What a backup run's operation made. */
  readonly backupContext?: { readonly backupId: string };
}

/** A backup of a Cloud SQL instance. */
export interface BackupRun {
  readonly id: string;
  readonly description?: string;
  /** `SUCCESSFUL` where it can be restored. */
  readonly status: string;
  /** ISO 8601. */
  readonly enqueuedTime: string;
  readonly startTime?: string;
}

/** Google's word on how long a new binding may take to be seen, in milliseconds: two minutes as a rule. */
const PROPAGATION = 2 * 60_000; // https://cloud.google.com/iam/docs/access-change-propagation
/** How long another operation of the instance, or a fault of Google's, is waited for, in milliseconds. */
const PATIENCE = 10 * 60_000;
/** How long one answer is waited for, in milliseconds. */
const ANSWER = 60_000;
/** Pauses between two requests, in milliseconds: the first, and the longest after growing by half each time. */
const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 5_000;

/** The requests a migration makes, as the caller of the update. */
export class GoogleApis {
  private auth: GoogleAuth | undefined;

  private readonly endpoints: Endpoints;
  private readonly token: () => Promise<string>;

  /** @param token The caller's access token; by default the one the provider uses too. */
  constructor(endpoints: Endpoints, token = () => this.ownToken()) {
    this.endpoints = endpoints;
    this.token = token;
  }

  /**
   * Uploads an object, replacing what is there.
   * @returns Its `gs://` address.
   */
  async upload(bucket: string, name: string, text: string): Promise<string> {
    const base = this.endpoints.storage.replace("/storage/v1/", "/upload/storage/v1/");
    const url = `${base}b/${encodeURIComponent(bucket)}/o?uploadType=media&name=${encodeURIComponent(name)}`;
    await this.request("POST", url, { type: "application/sql", body: text });
    return `gs://${bucket}/${name}`;
  }

  /** Downloads an object's text. */
  async download(bucket: string, name: string): Promise<string> {
    const path = `b/${encodeURIComponent(bucket)}/o/${encodeURIComponent(name)}`;
    return this.request("GET", `${this.endpoints.storage}${path}?alt=media`);
  }

  /**
   * Starts an operation of Cloud SQL and waits for its end.
   * @param path Below the project, such as `instances/I/import`.
   * @throws RefusedError where it does not start, OperationError where it ends with errors.
   */
  async operate(project: string, method: string, path: string, body?: object): Promise<Operation> {
    const root = `${this.endpoints.sql}projects/${project}/`;
    const content = body && { type: "application/json", body: JSON.stringify(body) };
    let operation = JSON.parse(await this.request(method, `${root}${path}`, content)) as Operation;
    for (let pause = FIRST_PAUSE; operation.status !== "DONE"; pause = longer(pause)) {
      await wait(pause);
      operation = JSON.parse(await this.request("GET", `${root}operations/${operation.name}`)) as Operation;
    }
    const problems = operation.error?.errors ?? [];
    if (problems.length > 0) {
      const codes = problems.map(({ code }) => code);
      throw new OperationError(codes, problems.map(({ code, message }) => message ?? code).join("\n"));
    }
    return operation;
  }

  /** The backups of an instance, all pages. */
  async backupRuns(project: string, instance: string): Promise<BackupRun[]> {
    const runs: BackupRun[] = [];
    let page: { items?: BackupRun[]; nextPageToken?: string } = {};
    do {
      const query = page.nextPageToken === undefined ? "" : `?pageToken=${encodeURIComponent(page.nextPageToken)}`;
      const url = `${this.endpoints.sql}projects/${project}/instances/${instance}/backupRuns${query}`;
      page = JSON.parse(await this.request("GET", url)) as typeof page;
      runs.push(...(page.items ?? []));
    } while (page.nextPageToken !== undefined);
    return runs;
  }

  /**
   * One request, asked again where that can help: another operation of the instance (409), too many requests (429),
   * faults of the server (5xx), a connection that breaks, an answer that does not come and, for an import, a binding that
   * Google has not seen yet (403, 412). What is asked for twice because its answer was lost does no harm: whatever runs
   * is waited for, an import skips what is there, and there may be a backup more.
   * @returns The answer's text.
   * @throws RefusedError where there was an answer, Error where there was none.
   */
  private async request(method: string, url: string, content?: Content): Promise<string> {
    const began = performance.now();
    let unsure = false;
    for (let pause = FIRST_PAUSE; ; pause = longer(pause)) {
      const answer = await this.ask(method, url, content);
      if (!answer.error && answer.status < 300) return answer.text;
      unsure ||= answer.error !== undefined || answer.status >= 500;
      const next = answer.error ? pause : Math.max(pause, answer.retryAfter);
      if ((performance.now() - began) / pace() + next > patience(url, answer)) {
        if (answer.error) throw unreachable(url, answer.error);
        const message = reason(url, answer);
        throw new RefusedError(answer.status, message, !unsure);
      }
      await wait(next);
    }
  }

  private async ask(method: string, url: string, content?: Content): Promise<Answer> {
    const headers = { authorization: `Bearer ${await this.token()}`, ...(content && { "content-type": content.type }) };
    try {
      const signal = AbortSignal.timeout(ANSWER * pace());
      const answer = await fetch(url, { method, headers, signal, ...(content && { body: content.body }) });
      const retryAfter = milliseconds(answer.headers.get("retry-after"));
      return { status: answer.status, text: await answer.text(), retryAfter };
    } catch (error) {
      return { error: error as Error };
    }
  }

  /** The token the provider uses too, where one is given; else application default credentials. */
  private async ownToken(): Promise<string> {
    const given = process.env.GOOGLE_OAUTH_ACCESS_TOKEN ?? (await this.applicationDefault());
    if (!given) throw new Error("There are no Google credentials: run `gcloud auth application-default login`.");
    return given;
  }

  /** Its library takes longer to load than a preview asks of this file, so it waits for the first request. */
  private async applicationDefault(): Promise<string | null | undefined> {
    const { GoogleAuth } = await import("google-auth-library");
    this.auth ??= new GoogleAuth({ scopes: "https://www.googleapis.com/auth/cloud-platform" });
    return this.auth.getAccessToken();
  }
}

/** For how many milliseconds, counted from the first try, a request with this answer is worth trying again. */
function patience(url: string, { error, status }: { error?: Error; status?: number }): number {
  if (error || status === undefined || status === 409 || status === 429 || status >= 500) return PATIENCE;
  // Cloud SQL was seen to answer both where its account may not read the bucket.
  return [403, 412].includes(status) && url.endsWith("/import") ? PROPAGATION : 0;
}

/** What Retry-After asks for: seconds, or a moment. */
function milliseconds(retryAfter: string | null): number {
  const seconds = Number(retryAfter);
  const asked = Number.isNaN(seconds) ? new Date(retryAfter ?? "").getTime() - Date.now() : seconds * 1000;
  return Number.isNaN(asked) ? 0 : asked;
}

function unreachable(url: string, error: Error): Error {
  const silent = error.name === "TimeoutError" && `it did not answer within ${ANSWER / 1000} seconds`;
  const cause = silent || (error.cause instanceof Error ? error.cause.message : error.message);
  return new Error(`${new URL(url).origin} cannot be reached: ${cause}.`, { cause: error });
}

function reason(url: string, { status, text }: { status: number; text: string }): string {
  try {
    return (JSON.parse(text) as { error: { message: string } }).error.message;
  } catch {
    return `${url} answered ${status}: ${text.slice(0, 200)}`;
  }
}

function longer(pause: number): number {
  return Math.min(pause * 1.5, LONGEST_PAUSE);
}

/** By what every wait here is multiplied: 1, but for tests, which cannot wait that long. */
function pace(): number {
  return Number(process.env.SETTLEMENT_PATIENCE ?? 1);
}

function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds * pace()));
}
