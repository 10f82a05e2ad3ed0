import type { AuthClient } from "google-auth-library";

/** Where Google's APIs are, each ending in a slash, by the provider's name for the setting. */
export const GOOGLE = {
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

/** The addresses of one cloud. */
export type Endpoints = Readonly<Record<keyof typeof GOOGLE, string>>;

/**
 * Where a stack's APIs are, as the provider finds them: in its configuration, in the environment, at Google.
 * @param setting The stack's configuration by key, such as `gcp:sqlCustomEndpoint`.
 */
export function endpoints(setting: (key: string) => string | undefined): Endpoints {
  const found = Object.entries(GOOGLE).map(([api, url]) => [
    api,
    setting(`gcp:${api}CustomEndpoint`) ?? process.env[endpointVariable(api)] ?? url,
  ]);
  return Object.fromEntries(found) as Endpoints;
}

/** The environment variable that holds an API's address, such as `GOOGLE_SQL_CUSTOM_ENDPOINT`. */
export function endpointVariable(api: string): string {
  return `GOOGLE_${api.replace(/(?=[A-Z])/g, "_").toUpperCase()}_CUSTOM_ENDPOINT`;
}

/** One request. */
export interface Call {
  readonly api: keyof Endpoints;
  /** Below the API's address, with its query. */
  readonly path: string;
  /** By default POST with a body, else GET. */
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Sent as JSON; a text is sent as it is. */
  readonly body?: object | string;
  /** Of a text. */
  readonly contentType?: string;
  /** What the answer is read as: JSON by default. */
  readonly as?: "text";
}

/** Gives the caller's access token. */
export type Token = () => Promise<string>;

/** For how many milliseconds, counted from the first try, a call that failed so is worth trying again; 0 for never. */
export type Patience = (error: GoogleError, call: Call) => number;

/** A part of one of Google's types with the fields that Google always sends: its descriptions say of none that it must be. */
export type Sent<T, K extends keyof T> = T & Required<Pick<T, K>>;

/** Google refused a request, or did not answer it. The message is Google's own where there is one. */
export class GoogleError extends Error {
  override readonly name = "GoogleError";

  /** HTTP status; 401 also without credentials, undefined without an answer. */
  readonly status: number | undefined;
  /** Google's words for it, such as `SERVICE_DISABLED`. */
  readonly reasons: readonly string[];
  /** How long Google wishes to be left alone, in milliseconds. */
  readonly retryAfter: number;
  /** Such as `GET projects/p`; empty where nothing was asked. */
  readonly request: string;
  /** Whether nothing was done; false where an answer to the same request was lost or an error of Google's. */
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

  /** Whether the API is not enabled, or not yet seen to be. */
  get disabled(): boolean {
    return this.reasons.includes("SERVICE_DISABLED") || this.reasons.includes("accessNotConfigured");
  }

  /** Whether there is no such thing; where its API is not enabled there is none either. */
  get missing(): boolean {
    return this.status === 404 || this.disabled;
  }

  /** Whether Google asks for a later try: too many requests, or a fault of its own. */
  get busy(): boolean {
    return this.status === 429 || (this.status ?? 0) >= 500;
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

/** How long a new binding may take to be seen, in milliseconds: two minutes as a rule. */
export const PROPAGATION = 2 * 60_000; // https://cloud.google.com/iam/docs/access-change-propagation
/** Pauses between two requests, in milliseconds: the first, and the longest after growing by half each time. */
const PAUSE = { first: 50, longest: 5_000 };

/** How a client calls. */
interface Manner {
  /** How long one answer is waited for, in milliseconds; a minute by default. */
  readonly deadline?: number;
  /** Which calls are tried again; none by default. */
  readonly patience?: Patience;
  /** By default `GOOGLE_OAUTH_ACCESS_TOKEN`, as for the provider, or else application default credentials with their quota project. */
  readonly token?: Token | undefined;
}

/** Google's REST APIs, as whoever runs the program. What is asked and answered is typed by Google's own descriptions. */
export class Google {
  private client: Promise<AuthClient> | undefined;
  private readonly endpoints: Endpoints;
  private readonly token: Token | undefined;
  private readonly deadline: number;
  private readonly patience: Patience;

  constructor(endpoints: Endpoints, { deadline = 60_000, patience = () => 0, token }: Manner = {}) {
    this.endpoints = endpoints;
    this.token = token;
    this.deadline = deadline;
    this.patience = patience;
  }

  /**
   * Sends a request, and again as long as there is patience.
   * @returns The answer's body.
   * @throws GoogleError
   */
  call<T>(call: Call): Promise<T> {
    return repeat(
      () => this.once<T>(call),
      (error) => this.patience(error, call),
    );
  }

  /**
   * Asks for one thing.
   * @returns Undefined where there is no such thing, or its API is not enabled.
   * @throws GoogleError
   */
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
   * Changes something, and waits for its end where the answer is an operation.
   * @returns The operation, or the answer that is none.
   * @throws GoogleError where it does not start, OperationError where it ends with errors.
   */
  async operate<T>(call: Call): Promise<T> {
    const { api, path } = call;
    // Cloud SQL names its operations without their project, and has a form of its own for them.
    const parent = api === "sql" ? `${/^projects\/[^/]+\//.exec(path)?.[0] ?? ""}operations/` : "";
    let operation = await this.call<Operation>(call);
    for (let pause = PAUSE.first; !hasEnded(operation, api); pause = longer(pause)) {
      await wait(pause);
      operation = await this.call<Operation>({ api, path: `${parent}${operation.name ?? ""}` });
    }
    const { error } = operation;
    const errors = error?.errors ?? (error ? [error] : []);
    if (errors.length === 0) return operation as T;
    const codes = errors.map(({ code }) => String(code));
    throw new OperationError(codes, errors.map(({ code, message }) => message ?? String(code)).join("\n"));
  }

  private async once<T>(call: Call): Promise<T> {
    const { api, as, body, contentType, method = body === undefined ? "GET" : "POST", path } = call;
    const url = this.endpoints[api] + path;
    const request = `${method} ${path.replace(/\?.*/, "")}`;
    const client = await (this.client ??= clientOf(this.token));
    const answer = await client
      .request<string>({
        ...{ url, method, responseType: "text", timeout: this.deadline * pace() },
        ...(body !== undefined && { data: body }),
        ...(contentType !== undefined && { headers: { "content-type": contentType } }),
        // The errors of the library would carry the body, which may be a password.
        validateStatus: () => true,
        fetchImplementation: fetch,
      })
      .catch((error: unknown) => {
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

/** An operation, as Cloud SQL and as the other APIs have it. */
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

function hasEnded({ done, name = "", status }: Operation, api: keyof Endpoints): boolean {
  return api === "sql" ? status === "DONE" : done === true || !/(^|\/)operations\//.test(name);
}

/** Google's error; the older APIs put the reason into `errors`, the newer into `details`. */
interface Refusal {
  readonly message?: string;
  readonly errors?: readonly { readonly reason?: string }[];
  readonly details?: readonly { readonly reason?: string }[];
}

/** Nothing of a page that is not Google's own. */
function errorIn(text: string): Refusal {
  try {
    return (JSON.parse(text) as { error?: Refusal }).error ?? {};
  } catch {
    return {};
  }
}

/** @param error Of the library, whose cause is that of the connection. */
function unanswered(error: Error, origin: string, deadline: number, request: string): GoogleError {
  // Where there is an answer, it is to the request for a token.
  if ("response" in error && error.response !== undefined) return new GoogleError(REFUSED, 401, { request });
  const cause = error.cause instanceof Error || error.cause instanceof DOMException ? error.cause : undefined;
  const deepest = cause?.cause instanceof Error ? cause.cause : (cause ?? error);
  const why = cause?.name === "TimeoutError" ? `it did not answer within ${deadline / 1000} seconds` : deepest.message;
  return new GoogleError(`${origin} cannot be reached: ${why}`, undefined, { cause, request });
}

/**
 * Does some work, and again as long as its failure is worth it, with growing pauses and no sooner than Google wishes.
 * @param patience For how many milliseconds, counted from the first try.
 * @throws GoogleError, the last one; and what else the work throws.
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
      if ((performance.now() - began) / pace() + next > patience(error)) throw error;
      await wait(next);
    }
  }
}

/**
 * All pages of a list.
 * @param path Of the list, with its query.
 * @param read Reads one page; undefined where there is no such list.
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
  "The credentials are refused: run `gcloud auth application-default login`, or for the local stack `npm start -- --keep`.";

/** Google's library takes a while to load, so it waits for the first request. */
async function clientOf(token?: Token): Promise<AuthClient> {
  const { GoogleAuth, OAuth2Client } = await import("google-auth-library");
  const given = token ? await token() : process.env.GOOGLE_OAUTH_ACCESS_TOKEN;
  if (given) return new OAuth2Client({ credentials: { access_token: given } });
  const auth = new GoogleAuth({ scopes: "https://www.googleapis.com/auth/cloud-platform" });
  return auth.getClient().catch(() => {
    throw new GoogleError("There are no Google credentials: run `gcloud auth application-default login`.", 401);
  });
}

/**
 * The caller's access token: `GOOGLE_OAUTH_ACCESS_TOKEN`, as for the provider, else application default credentials.
 * @throws GoogleError where there are neither.
 */
export async function accessToken(): Promise<string> {
  const client = await clientOf();
  const { token } = await client.getAccessToken().catch((error: unknown) => {
    throw unanswered(error as Error, "https://oauth2.googleapis.com", 0, "");
  });
  return token ?? "";
}

/** What Retry-After asks for: seconds, or a moment. */
function milliseconds(retryAfter: string | null): number {
  const seconds = Number(retryAfter);
  const asked = Number.isNaN(seconds) ? new Date(retryAfter ?? "").getTime() - Date.now() : seconds * 1000;
  return Number.isNaN(asked) ? 0 : asked;
}

function longer(pause: number): number {
  return Math.min(pause * 1.5, PAUSE.longest);
}

/** By what every wait here is multiplied: 1, but for tests, which cannot wait that long. */
function pace(): number {
  return Number(process.env.SETTLEMENT_PATIENCE ?? 1);
}

function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds * pace()));
}
