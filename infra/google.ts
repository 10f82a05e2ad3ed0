import type { AuthClient, ExternalAccountClientOptions, JWTInput } from "google-auth-library";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";

/** Base URLs of Google's APIs, ending in a slash, by the provider's name for the setting. */
export const GOOGLE = {
  artifactRegistry: "https://artifactregistry.googleapis.com/v1/",
  cloudRunV2: "https://run.googleapis.com/v2/",
  compute: "https://compute.googleapis.com/compute/v1/",
  iamBeta: "https://iam.googleapis.com/v1/",
  iamCredentials: "https://iamcredentials.googleapis.com/v1/",
  kms: "https://cloudkms.googleapis.com/v1/",
  logging: "https://logging.googleapis.com/v2/",
  monitoring: "https://monitoring.googleapis.com/",
  resourceManager: "https://cloudresourcemanager.googleapis.com/v1/",
  resourceManagerV3: "https://cloudresourcemanager.googleapis.com/v3/",
  secretManager: "https://secretmanager.googleapis.com/v1/",
  serviceNetworking: "https://servicenetworking.googleapis.com/v1/",
  serviceUsage: "https://serviceusage.googleapis.com/v1/",
  sql: "https://sqladmin.googleapis.com/sql/v1beta4/",
  storage: "https://storage.googleapis.com/storage/v1/",
} as const;

/** The base URLs of one cloud, and the email of the service account to act as there, if not as the caller. */
export type Endpoints = Readonly<Record<keyof typeof GOOGLE, string>> & { readonly actAs?: string };

/**
 * The base URLs and the account for a stack, in the provider's order: its configuration, the environment, Google's own.
 * @param setting Looks up the stack's configuration by key, such as `gcp:sqlCustomEndpoint`.
 */
export function endpoints(setting: (key: string) => string | undefined): Endpoints {
  const found = Object.entries(GOOGLE).map(([api, url]) => [
    api,
    setting(`gcp:${api}CustomEndpoint`) ?? process.env[endpointVariable(api)] ?? url,
  ]);
  const actAs = setting("gcp:impersonateServiceAccount") ?? process.env.GOOGLE_IMPERSONATE_SERVICE_ACCOUNT;
  return { ...(Object.fromEntries(found) as Endpoints), ...(actAs && { actAs }) };
}

/** The environment variable that holds an API's address, such as `GOOGLE_SQL_CUSTOM_ENDPOINT`. */
export function endpointVariable(api: string): string {
  return `GOOGLE_${api.replace(/(?=[A-Z])/g, "_").toUpperCase()}_CUSTOM_ENDPOINT`;
}

/** One request. */
export interface Call {
  readonly api: keyof typeof GOOGLE;
  /** Relative to the API's base URL, with the query. */
  readonly path: string;
  /** By default POST with a body, otherwise GET. */
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** An object is sent as JSON, a string unchanged. */
  readonly body?: object | string;
  /** Of a string body. */
  readonly contentType?: string;
  /** How to read the answer: JSON by default. */
  readonly as?: "text";
}

/** Returns the caller's access token. */
export type Token = () => Promise<string>;

/** How long to retry a failed call, in milliseconds since the first attempt; 0 for no retry. */
export type Patience = (error: GoogleError, call: Call) => number;

/** One of Google's types with fields that Google always sends, although its API descriptions declare all of them optional. */
export type Sent<T, K extends keyof T> = T & Required<Pick<T, K>>;

/** Google rejected a request or did not answer. The message is Google's own if it sent one. */
export class GoogleError extends Error {
  override readonly name = "GoogleError";

  /** HTTP status; 401 if there are no credentials, undefined without an answer. */
  readonly status: number | undefined;
  /** Google's reasons, such as `SERVICE_DISABLED`. */
  readonly reasons: readonly string[];
  /** Least time to wait before a retry, in milliseconds. */
  readonly retryAfter: number;
  /** Such as `GET projects/p`; empty if no request was sent. */
  readonly request: string;
  /** How long the request was retried, in milliseconds. */
  waited = 0;
  /** Whether Google did nothing; false if any attempt got no answer or a server error. */
  nothingDone: boolean;

  constructor(
    message: string,
    status: number | undefined,
    { cause, reasons = [], request = "", retryAfter = 0 }: ErrorOptions & Partial<GoogleError> = {},
  ) {
    super(message, { cause });
    this.status = status;
    this.reasons = reasons;
    this.request = request;
    this.retryAfter = retryAfter;
    this.nothingDone = status !== undefined && status < 500;
  }

  /** Whether the API is not enabled, or its enabling has not propagated yet. */
  get disabled(): boolean {
    return this.reasons.includes("SERVICE_DISABLED") || this.reasons.includes("accessNotConfigured");
  }

  /** Whether the resource does not exist, which is also the case if its API is not enabled. */
  get missing(): boolean {
    return this.status === 404 || this.disabled;
  }

  /** Whether a later retry may succeed: too many requests, or a server error. */
  get busy(): boolean {
    return this.status === 429 || (this.status ?? 0) >= 500;
  }
}

/** An operation failed; the message is Google's or, for an import, PostgreSQL's. */
export class OperationError extends Error {
  override readonly name = "OperationError";

  /** Google's error codes, such as `ERROR_RDBMS`. */
  readonly codes: readonly string[];

  constructor(codes: readonly string[], message: string) {
    super(message);
    this.codes = codes;
  }
}

/** How long a new IAM binding may take to act, in milliseconds: typically two minutes, at times seven. */
export const PROPAGATION = 7 * 60_000; // https://cloud.google.com/iam/docs/access-change-propagation
/** Pauses between requests, in milliseconds; each is half as long again as the one before. */
const PAUSE = { first: 50, longest: 5_000 };

/** Options of {@link Google}. */
interface ClientOptions {
  /** Timeout of one request, in milliseconds; a minute by default. */
  readonly deadline?: number;
  /** Which calls are retried; none by default. */
  readonly patience?: Patience;
  /** By default, like the provider's: `GOOGLE_OAUTH_ACCESS_TOKEN`, `GOOGLE_CREDENTIALS`, application default credentials. */
  readonly token?: Token | undefined;
}

/** A client of Google's REST APIs. */
export class Google {
  private client: Promise<AuthClient> | undefined;
  private readonly endpoints: Endpoints;
  private readonly token: Token | undefined;
  private readonly deadline: number;
  private readonly patience: Patience;

  constructor(endpoints: Endpoints, { deadline = 60_000, patience = () => 0, token }: ClientOptions = {}) {
    this.endpoints = endpoints;
    this.token = token;
    this.deadline = deadline;
    this.patience = patience;
  }

  /** Sends a request, with retries, and returns the answer's body. @throws GoogleError */
  call<T>(call: Call): Promise<T> {
    return repeat(
      () => this.once<T>(call),
      (error) => this.patience(error, call),
    );
  }

  /** Gets a resource; undefined if it does not exist or its API is not enabled. @throws GoogleError */
  async find<T>(call: Call): Promise<T | undefined> {
    try {
      return await repeat(
        () => this.once<T>(call),
        (error) => (error.missing ? 0 : this.patience(error, call)),
      );
    } catch (error) {
      if (error instanceof GoogleError && error.missing) return undefined;
      throw error;
    }
  }

  /**
   * Sends a request and, if the answer is an operation, waits for its end.
   * @param longest How long to wait, in milliseconds; 12 hours by default, because imports and restores take hours.
   * @returns The finished operation, or any other answer.
   * @throws GoogleError if a request fails or the operation has not ended by then, OperationError if the operation fails.
   */
  async operate<T>(call: Call, longest = 12 * 3_600_000): Promise<T> {
    const { api, path } = call;
    const began = performance.now();
    // Operations of Cloud SQL have a name without the project, and their own format.
    const parent = api === "sql" ? `${/^projects\/[^/]+\//.exec(path)?.[0] ?? ""}operations/` : "";
    let operation = await this.call<Operation>(call);
    for (let pause = PAUSE.first; !hasEnded(operation, api); pause = longer(pause)) {
      const name = `${parent}${operation.name ?? ""}`;
      if ((performance.now() - began) / pace() > longest) throw unended(name, longest);
      await wait(pause);
      operation = await this.call<Operation>({ api, path: name });
    }
    const { error } = operation;
    const errors = error?.errors ?? (error ? [error] : []);
    if (errors.length === 0) return operation as T;
    const codes = errors.map(({ code }) => String(code));
    throw new OperationError(codes, errors.map(({ code, message }) => message ?? String(code)).join("\n"));
  }

  /** A client that acts as the caller, or as the account of the endpoints. */
  private async authorize(): Promise<AuthClient> {
    const { actAs, ...endpoints } = this.endpoints;
    if (actAs === undefined) return clientOf(this.token);
    const { OAuth2Client } = await import("google-auth-library");
    const caller = new Google(endpoints, { deadline: this.deadline, token: this.token });
    const client = new OAuth2Client();
    client.refreshHandler = async () => {
      const body = { scope: [SCOPE] } satisfies gapi.client.iamcredentials.GenerateAccessTokenRequest;
      const path = `projects/-/serviceAccounts/${actAs}:generateAccessToken`;
      type Answer = Sent<gapi.client.iamcredentials.GenerateAccessTokenResponse, "accessToken" | "expireTime">;
      const { accessToken, expireTime } = await caller.call<Answer>({ api: "iamCredentials", path, body });
      return { access_token: accessToken, expiry_date: Date.parse(expireTime) };
    };
    await client.getAccessToken().catch((error: unknown) => {
      if (!(error instanceof GoogleError) || ![403, 404].includes(error.status ?? 0)) throw error;
      const needs = "the caller needs roles/iam.serviceAccountTokenCreator on that account";
      throw new GoogleError(`Cannot act as ${actAs}: ${error.message} Does it exist? Then ${needs}.`, 401);
    });
    return client;
  }

  private async once<T>(call: Call): Promise<T> {
    const { api, as, body, contentType, method = body === undefined ? "GET" : "POST", path } = call;
    const url = this.endpoints[api] + path;
    const request = `${method} ${path.replace(/\?.*/, "")}`;
    const client = await (this.client ??= this.authorize());
    const answer = await client
      .request<string>({
        ...{ url, method, responseType: "text", timeout: this.deadline * pace() },
        ...(body !== undefined && { data: body }),
        ...(contentType !== undefined && { headers: { "content-type": contentType } }),
        // The library's errors contain the body, which may hold a password.
        validateStatus: () => true,
        fetchImplementation: fetch,
      })
      .catch((error: unknown) => {
        if (error instanceof GoogleError) throw error;
        throw unanswered(error as Error, new URL(url).origin, this.deadline, request);
      });
    if (answer.ok) return (as === "text" ? answer.data : JSON.parse(answer.data)) as T;
    const { details = [], errors = [], message } = errorIn(answer.data);
    throw new GoogleError(
      answer.status === 401 ? REFUSED : (message ?? `${new URL(url).origin} answered ${answer.status}`),
      answer.status,
      {
        reasons: [...errors, ...details].flatMap(({ reason }) => reason ?? []),
        request,
        retryAfter: milliseconds(answer.headers.get("retry-after")),
      },
    );
  }
}

/** An operation of Cloud SQL or of any other API. */
interface Operation {
  readonly name?: string;
  readonly status?: string;
  readonly done?: boolean;
  readonly error?: Problem & { readonly errors?: readonly Problem[] };
}

interface Problem {
  readonly code?: string | number;
  readonly message?: string;
}

function hasEnded({ done, name = "", status }: Operation, api: Call["api"]): boolean {
  return api === "sql" ? status === "DONE" : done === true || !/(^|\/)operations\//.test(name);
}

function unended(name: string, longest: number): GoogleError {
  const remedy = "Google goes on with it: look at this operation before you run the command again.";
  return new GoogleError(`${name} has not ended after ${longest / 60_000} minutes. ${remedy}`, undefined, {
    request: `GET ${name}`,
  });
}

/** Google's error; older APIs put the reason into `errors`, newer ones into `details`. */
interface Refusal {
  readonly message?: string;
  readonly errors?: readonly { readonly reason?: string }[];
  readonly details?: readonly { readonly reason?: string }[];
}

/** Empty for a page that is not from Google, such as a proxy's. */
function errorIn(text: string): Refusal {
  try {
    return (JSON.parse(text) as { error?: Refusal }).error ?? {};
  } catch {
    return {};
  }
}

function unanswered(error: Error, origin: string, deadline: number, request: string): GoogleError {
  // A response in the error is to the token request.
  if ("response" in error && error.response !== undefined) return new GoogleError(REFUSED, 401, { request });
  const cause = error.cause instanceof Error || error.cause instanceof DOMException ? error.cause : undefined;
  const deepest = cause?.cause instanceof Error ? cause.cause : (cause ?? error);
  const why = cause?.name === "TimeoutError" ? `it did not answer within ${deadline / 1000} seconds` : deepest.message;
  return new GoogleError(`${origin} cannot be reached: ${why}`, undefined, { cause, request });
}

/**
 * Runs `work` and retries it with growing pauses, honouring Retry-After.
 * @param patience How long to retry after this error, in milliseconds since the first attempt.
 * @throws The last GoogleError, or any other error at once.
 */
export async function repeat<T>(work: () => Promise<T>, patience: (error: GoogleError) => number): Promise<T> {
  const began = performance.now();
  let nothingDone = true;
  for (let pause = PAUSE.first; ; pause = longer(pause)) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof GoogleError)) throw error;
      error.nothingDone = nothingDone &&= error.nothingDone;
      const next = Math.max(pause, error.retryAfter);
      error.waited = (performance.now() - began) / pace();
      if (error.waited + next > patience(error)) throw error;
      await wait(next);
    }
  }
}

/**
 * Reads all pages of a list.
 * @param path With the query.
 * @param read Reads one page; undefined if the list does not exist.
 */
export async function pages<T extends { readonly nextPageToken?: string }>(
  path: string,
  read: (path: string) => Promise<T | undefined>,
): Promise<T[]> {
  const all: T[] = [];
  for (let page = await read(path); page;) {
    all.push(page);
    if (!page.nextPageToken) break;
    page = await read(`${path}${path.includes("?") ? "&" : "?"}pageToken=${encodeURIComponent(page.nextPageToken)}`);
  }
  return all;
}

/** The last part of a name such as `projects/p/secrets/s`. */
export function lastPart(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

const REFUSED =
  "Google rejected the credentials: run `gcloud auth application-default login`, or for the local stack `npm start -- --keep`.";

const SCOPE = "https://www.googleapis.com/auth/cloud-platform";

/** The variables in which the provider looks for credentials, in its order. */
const CREDENTIALS = ["GOOGLE_CREDENTIALS", "GOOGLE_CLOUD_KEYFILE_JSON", "GCLOUD_KEYFILE_JSON"];

/** The credentials in the environment, as the provider reads them: JSON, or the path of a file with it. @throws GoogleError */
async function givenCredentials(): Promise<AuthClient | undefined> {
  const { ExternalAccountClient, JWT, UserRefreshClient } = await import("google-auth-library");
  const name = CREDENTIALS.find((each) => process.env[each]);
  if (name === undefined) return undefined;
  const value = (process.env[name] ?? "").trim();
  const json = value.startsWith("{") ? value : read(value.replace(/^~(?=\/)/, homedir()));
  const { type = "", ...credentials } = parsed(json);
  switch (type) {
    case "service_account":
      return new JWT({ scopes: SCOPE, email: credentials.client_email ?? "", key: credentials.private_key ?? "" });
    case "authorized_user": {
      const {
        client_id: clientId = "",
        client_secret: clientSecret = "",
        refresh_token: refreshToken = "",
      } = credentials;
      return new UserRefreshClient({ clientId, clientSecret, refreshToken });
    }
    case "external_account": {
      const client = ExternalAccountClient.fromJSON({
        ...credentials,
        type,
      } as unknown as ExternalAccountClientOptions);
      if (!client) break;
      client.scopes = SCOPE;
      return client;
    }
  }
  // The value may hold a secret and is not quoted.
  const types = "a service account's key, a user's or a workload identity's credentials";
  throw new GoogleError(`${name} must be ${types}, in JSON or as the path of a file.`, 401);
}

/** Empty if the file cannot be read. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Empty if it is not JSON. */
function parsed(json: string): JWTInput {
  try {
    return JSON.parse(json) as JWTInput;
  } catch {
    return {};
  }
}

/** Google's library loads slowly, so only with the first request. */
async function clientOf(token?: Token): Promise<AuthClient> {
  const { GoogleAuth, OAuth2Client } = await import("google-auth-library");
  const given = token ? await token() : process.env.GOOGLE_OAUTH_ACCESS_TOKEN;
  if (given) return new OAuth2Client({ credentials: { access_token: given } });
  const credentials = await givenCredentials();
  if (credentials) return credentials;
  const auth = new GoogleAuth({ scopes: SCOPE });
  return auth.getClient().catch(() => {
    throw new GoogleError("No Google credentials found: run `gcloud auth application-default login`.", 401);
  });
}

/**
 * The caller's access token: `GOOGLE_OAUTH_ACCESS_TOKEN`, `GOOGLE_CREDENTIALS` or application default credentials.
 * @throws GoogleError without either.
 */
export async function accessToken(): Promise<string> {
  const client = await clientOf();
  const { token } = await client.getAccessToken().catch((error: unknown) => {
    throw unanswered(error as Error, "https://oauth2.googleapis.com", 0, "");
  });
  return token ?? "";
}

/** Parses Retry-After: seconds or a date. */
function milliseconds(retryAfter: string | null): number {
  const seconds = Number(retryAfter);
  const pause = Number.isNaN(seconds) ? new Date(retryAfter ?? "").getTime() - Date.now() : seconds * 1000;
  return Number.isNaN(pause) ? 0 : pause;
}

function longer(pause: number): number {
  return Math.min(pause * 1.5, PAUSE.longest);
}

/** Factor for all waits; below 1 in tests only. */
function pace(): number {
  return Number(process.env.SETTLEMENT_PATIENCE ?? 1);
}

function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds * pace()));
}
