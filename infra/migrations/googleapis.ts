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
export class ApiError extends Error {
  override readonly name: string = "ApiError";

  constructor(
    /** HTTP status. */
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** An operation ended with errors; the message is Google's, and for an import PostgreSQL's. */
export class OperationError extends Error {
  override readonly name = "OperationError";
}

interface Content {
  readonly type: string;
  readonly body: string;
}

/** Cloud SQL refused to start an operation; nothing was done. */
export class RefusedError extends ApiError {
  override readonly name = "RefusedError";
}

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
}

/** Google's word on how long a new binding may take to be seen, in milliseconds: two minutes as a rule. */
const PROPAGATION = 2 * 60_000; // https://cloud.google.com/iam/docs/access-change-propagation
/** How long another operation of the instance, or a fault of Google's, is waited for, in milliseconds. */
const PATIENCE = 10 * 60_000;
/** Pauses between two requests, in milliseconds: the first, and the longest after growing by half each time. */
const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 5_000;

/** The requests a migration makes, as the caller of the update. */
export class GoogleApis {
  private auth: GoogleAuth | undefined;

  constructor(private readonly endpoints: Endpoints) {}

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
    const response = await this.request("GET", `${this.endpoints.storage}${path}?alt=media`);
    return response.text();
  }

  /**
   * Starts an operation of Cloud SQL and waits for its end.
   * @param path Below the project, such as `instances/I/import`.
   * @throws RefusedError where it does not start, OperationError where it ends with errors.
   */
  async operate(project: string, method: string, path: string, body?: object): Promise<Operation> {
    const root = `${this.endpoints.sql}projects/${project}/`;
    const content = body && { type: "application/json", body: JSON.stringify(body) };
    const started = await this.request(method, `${root}${path}`, content).catch((error: unknown) => {
      if (error instanceof ApiError && error.status < 500) throw new RefusedError(error.status, error.message);
      throw error;
    });
    let operation = (await started.json()) as Operation;
    for (let pause = FIRST_PAUSE; operation.status !== "DONE"; pause = longer(pause)) {
      await wait(pause);
      const answer = await this.request("GET", `${root}operations/${operation.name}`);
      operation = (await answer.json()) as Operation;
    }
    const problems = operation.error?.errors ?? [];
    if (problems.length > 0) {
      throw new OperationError(problems.map(({ code, message }) => message ?? code).join("\n"));
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
      page = (await (await this.request("GET", url)).json()) as typeof page;
      runs.push(...(page.items ?? []));
    } while (page.nextPageToken !== undefined);
    return runs;
  }

  /**
   * One request, asked again where that can help: another operation of the instance (409), too many requests (429),
   * faults of the server (5xx), a lost connection and, for an import, a binding that Google has not seen yet (403, 412).
   */
  private async request(method: string, url: string, content?: Content): Promise<Response> {
    const began = Date.now();
    for (let pause = FIRST_PAUSE; ; pause = longer(pause)) {
      const headers = {
        authorization: `Bearer ${await this.token()}`,
        ...(content && { "content-type": content.type }),
      };
      const answer = await fetch(url, { method, headers, ...(content && { body: content.body }) }).catch(
        (error: unknown) => error as Error,
      );
      if (answer instanceof Response && answer.ok) return answer;
      if (Date.now() - began + pause > patience(answer)) {
        throw answer instanceof Response ? new ApiError(answer.status, await reason(answer)) : unreachable(url, answer);
      }
      await wait(pause);
    }
  }

  /** The token the provider uses too, where one is given; else application default credentials. */
  private async token(): Promise<string> {
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
function patience(answer: Response | Error): number {
  if (!(answer instanceof Response) || answer.status === 409 || answer.status === 429 || answer.status >= 500) {
    return PATIENCE;
  }
  // Cloud SQL was seen to answer both where its account may not read the bucket.
  return [403, 412].includes(answer.status) && answer.url.endsWith("/import") ? PROPAGATION : 0;
}

function unreachable(url: string, error: Error): Error {
  const cause = error.cause instanceof Error ? error.cause.message : error.message;
  return new Error(`${new URL(url).origin} cannot be reached: ${cause}.`, { cause: error });
}

async function reason(response: Response): Promise<string> {
  const text = await response.text();
  try {
    return (JSON.parse(text) as { error: { message: string } }).error.message;
  } catch {
    return `${response.url} answered ${response.status}: ${text.slice(0, 200)}`;
  }
}

function longer(pause: number): number {
  return Math.min(pause * 1.5, LONGEST_PAUSE);
}

function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
