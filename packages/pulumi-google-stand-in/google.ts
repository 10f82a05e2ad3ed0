import { setTimeout as sleep } from "node:timers/promises";
import { type Fields, isFields } from "./fields.ts";
import { type ApiName, type Configuration, ENDPOINTS } from "./endpoints.ts";
import { stringOf } from "./values.ts";

/** How long an operation may take, in seconds; the official provider's limit for Cloud SQL. */
const OPERATION_LIMIT = 30 * 60;
/** First and longest pause between two attempts or polls, in milliseconds. */
const PAUSE = { first: 20, longest: 500 };
/** How long a failing call is retried, in milliseconds; the official provider retries longer. */
const RETRY_LIMIT = 60_000;
/** How often a conflicting change is attempted. */
const ATTEMPTS = 8;

/** An error response of a Google API. */
export class GoogleApiError extends Error {
  readonly code: number;
  readonly status: string;

  /**
   * @param what The call, such as `Cloud SQL, POST projects/p/instances`.
   * @param code HTTP status.
   * @param status Canonical name or, in the older APIs, the reason.
   */
  constructor(what: string, code: number, message: string, status: string) {
    super(`${what}: ${code} ${status}: ${message}`);
    this.code = code;
    this.status = status;
    this.name = "GoogleApiError";
  }

  /** Whether to retry, as the official provider does: `error_retry_predicates.go` in hashicorp/terraform-provider-google. */
  get busy(): boolean {
    return [429, 500, 502, 503].includes(this.code) || this.status === "operationInProgress";
  }

  /** Whether the resource has changed since it was read; the status depends on the API. */
  get contended(): boolean {
    return [409, 412].includes(this.code);
  }
}

/** A long-running operation failed. */
export class OperationError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "OperationError";
  }
}

/** A call got no response; it may or may not have taken effect. */
class UnansweredError extends Error {
  /** Whether the connection broke or timed out, rather than being refused. */
  get busy(): boolean {
    const { cause, name } = this.cause as Error;
    const { code = "" } = (cause ?? {}) as { code?: string };
    return name === "TimeoutError" || ["ECONNRESET", "EPIPE", "ETIMEDOUT", "UND_ERR_SOCKET"].includes(code);
  }
}

/** The query and body of a call. */
export interface Call {
  readonly query?: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body?: Fields;
}

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** A client of Google's REST APIs at custom endpoints. */
export class Google {
  private readonly queues = new Map<string, Promise<unknown>>();
  private token: Promise<string> | undefined;
  readonly configuration: Configuration;

  constructor(configuration: Configuration) {
    this.configuration = configuration;
  }

  /**
   * Makes a call, with retries.
   * @param path Relative to the API's endpoint.
   * @returns The response's body.
   * @throws GoogleApiError for an error response; Error if the API has no endpoint or does not answer.
   */
  async call(api: ApiName, method: Method, path: string, { query = {}, body }: Call = {}): Promise<Fields> {
    const url = new URL(path, this.endpoint(api));
    url.searchParams.set("alt", "json");
    for (const [name, value] of Object.entries(query)) {
      for (const each of [value ?? []].flat()) url.searchParams.append(name, each);
    }
    return this.withRetries(`${ENDPOINTS[api].title}, ${method} ${path}`, url, {
      method,
      ...(body && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
  }

  /** Gets a resource; undefined if it does not exist. */
  async find(api: ApiName, path: string, call?: Call): Promise<Fields | undefined> {
    return absent(this.call(api, "GET", path, call));
  }

  /**
   * Uploads an object to Cloud Storage.
   * @param metadata Such as `contentType`.
   */
  async upload(bucket: string, name: string, metadata: Fields, content: Buffer): Promise<Fields> {
    const url = new URL(this.endpoint("storage"));
    url.pathname = `/upload${url.pathname}b/${encodeURIComponent(bucket)}/o`;
    url.search = new URLSearchParams({ alt: "json", name, uploadType: "multipart" }).toString();
    const boundary = `part-${crypto.randomUUID()}`;
    const contentType = stringOf(metadata.contentType) || "text/plain; charset=utf-8";
    const head =
      `--${boundary}\r\nContent-Type: application/json\r\n\r\n${JSON.stringify(metadata)}\r\n` +
      `--${boundary}\r\nContent-Type: ${contentType}\r\n\r\n`;
    return this.withRetries(`Cloud Storage, upload of ${name} to ${bucket}`, url, {
      method: "POST",
      headers: { "content-type": `multipart/related; boundary=${boundary}` },
      body: Buffer.concat([Buffer.from(head), content, Buffer.from(`\r\n--${boundary}--\r\n`)]),
    });
  }

  /**
   * Waits for an operation of Cloud Run, Service Networking or Service Usage.
   * @throws OperationError with Google's message if it fails.
   */
  async finished(api: ApiName, operation: Fields): Promise<void> {
    const done = await this.poll(operation, (op) => op.done === true, String(operation.name), api);
    if (isFields(done.error)) throw new OperationError(String(done.error.message));
  }

  /**
   * Waits for an operation of Cloud SQL.
   * @throws OperationError with Google's messages if it fails.
   */
  async sqlFinished(project: string, operation: Fields): Promise<void> {
    const path = `projects/${project}/operations/${String(operation.name)}`;
    const done = await this.poll(operation, (op) => op.status === "DONE", path, "sql");
    failIfAny(errorsOf(done).map(({ code, message }) => `${String(code)}: ${String(message)}`));
  }

  /**
   * Waits for an operation of Compute Engine.
   * @throws OperationError with Google's messages if it fails.
   */
  async computeFinished(operation: Fields): Promise<void> {
    const path = stringOf(operation.selfLink).replace(/^.*\/compute\/v1\//, "");
    const done = await this.poll(operation, (op) => op.status === "DONE", path, "compute");
    failIfAny(errorsOf(done).map(({ message }) => String(message)));
  }

  /** Runs work with the same key one at a time, as Cloud SQL and IAM policies require. */
  async serially<T>(key: string, work: () => Promise<T>): Promise<T> {
    const result = (this.queues.get(key) ?? Promise.resolve()).then(work);
    this.queues.set(
      key,
      result.catch(() => undefined),
    );
    return result;
  }

  /**
   * Retries work on concurrent changes, with a growing pause.
   * @throws The last error after {@link ATTEMPTS} attempts.
   */
  async contended<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof GoogleApiError && error.contended) || attempt === ATTEMPTS) throw error;
        await pause(attempt);
      }
    }
  }

  private async withRetries(what: string, url: URL, init: RequestInit): Promise<Fields> {
    const end = Date.now() + RETRY_LIMIT;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.send(what, url, init);
      } catch (error) {
        const known = error instanceof GoogleApiError || error instanceof UnansweredError;
        if (!(known && error.busy) || Date.now() > end) throw error;
        await pause(attempt);
      }
    }
  }

  private async poll(operation: Fields, isDone: (op: Fields) => boolean, path: string, api: ApiName): Promise<Fields> {
    const deadline = Date.now() + OPERATION_LIMIT * 1000;
    let current = operation;
    for (let pause = PAUSE.first; !isDone(current); pause = Math.min(pause * 2, PAUSE.longest)) {
      if (Date.now() > deadline)
        throw new OperationError(`${path} did not finish within ${OPERATION_LIMIT / 60} minutes.`);
      await sleep(pause);
      current = await this.call(api, "GET", path);
    }
    return current;
  }

  private endpoint(api: ApiName): URL {
    const endpoint = this.configuration.endpoints[api];
    if (endpoint) return endpoint;
    const { title, config, env } = ENDPOINTS[api];
    throw new Error(
      `This is the stand-in gcp provider: it only works with an embedded cloud, never with a real project, and has no endpoint ` +
        `for ${title} (gcp:${config} or ${env}). For a real project, install the official one: pulumi plugin install resource gcp 9.37.0`,
    );
  }

  /** A token of the account to act as, which lasts for an hour. */
  private async impersonate(account: string): Promise<string> {
    const caller = new Google({ ...this.configuration, actAs: undefined });
    const path = `projects/-/serviceAccounts/${account}:generateAccessToken`;
    const body = { scope: ["https://www.googleapis.com/auth/cloud-platform"] };
    return stringOf((await caller.call("iamCredentials", "POST", path, { body })).accessToken);
  }

  private async send(what: string, url: URL, init: RequestInit): Promise<Fields> {
    const { accessToken, actAs, requestTimeout } = this.configuration;
    const headers = { ...(init.headers as Record<string, string> | undefined) };
    const token = actAs === undefined ? accessToken : await (this.token ??= this.impersonate(actAs));
    if (token !== undefined) headers.authorization = `Bearer ${token}`;
    let response: Response;
    let answer: string;
    try {
      // A redirect could leave this machine.
      const signal = AbortSignal.timeout(requestTimeout);
      response = await fetch(url, { ...init, headers, redirect: "error", signal });
      answer = await response.text();
    } catch (error) {
      const { cause, message } = error as Error;
      const why = cause instanceof Error ? cause.message : message;
      throw new UnansweredError(`${what}: ${url.origin} does not answer (${why})`, { cause: error });
    }
    const body = parse(answer);
    if (response.ok) return body;
    throw apiError(what, response, body);
  }
}

/** @param attempt The failed attempt, counted from 1. */
function pause(attempt: number): Promise<void> {
  return sleep(Math.min(PAUSE.first * 2 ** attempt, PAUSE.longest) * (0.5 + Math.random()));
}

/** The response of a call; undefined if the resource does not exist. */
export async function absent(answer: Promise<Fields>): Promise<Fields | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof GoogleApiError && error.code === 404) return undefined;
    throw error;
  }
}

function errorsOf({ error }: Fields): Fields[] {
  return isFields(error) && Array.isArray(error.errors) ? error.errors.filter(isFields) : [];
}

function failIfAny(messages: readonly string[]): void {
  if (messages.length > 0) throw new OperationError(messages.join("; "));
}

function parse(answer: string): Fields {
  try {
    const body: unknown = answer === "" ? {} : JSON.parse(answer);
    return isFields(body) ? body : {};
  } catch {
    return {};
  }
}

function apiError(what: string, response: Response, body: Fields): GoogleApiError {
  const error = isFields(body.error) ? body.error : {};
  const first: unknown = Array.isArray(error.errors) ? error.errors[0] : undefined;
  const reason = isFields(first) ? first.reason : undefined;
  const status = stringOf(error.status) || stringOf(reason) || response.statusText;
  return new GoogleApiError(what, response.status, stringOf(error.message) || "no message", status);
}
