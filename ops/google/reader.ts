import { UserError } from "../terminal/user-error.ts";

/** Where the APIs are that the commands ask, each ending in a slash, by the provider's name for the setting. */
export const GOOGLE = {
  cloudRunV2: "https://run.googleapis.com/v2/",
  iamBeta: "https://iam.googleapis.com/v1/",
  iamCredentials: "https://iamcredentials.googleapis.com/v1/",
  kms: "https://cloudkms.googleapis.com/v1/",
  logging: "https://logging.googleapis.com/v2/",
  monitoring: "https://monitoring.googleapis.com/",
  resourceManager: "https://cloudresourcemanager.googleapis.com/v1/",
  secretManager: "https://secretmanager.googleapis.com/v1/",
  serviceUsage: "https://serviceusage.googleapis.com/v1/",
  sql: "https://sqladmin.googleapis.com/sql/v1beta4/",
  storage: "https://storage.googleapis.com/storage/v1/",
} as const;

/** The addresses of one cloud. */
export type Endpoints = Readonly<Record<keyof typeof GOOGLE, string>>;

/** What a fact is asked from. */
export interface Question {
  readonly api: keyof Endpoints;
  /** Below the API's address, with its query. */
  readonly path: string;
  /** The smallest predefined role that allows the question; where it is bound stands behind it. */
  readonly role: string;
  /** For those questions that Google takes as POST. */
  readonly body?: object;
}

/** Something could not be looked at; the rest could. */
export class Unseen extends Error {
  override readonly name = "Unseen";

  readonly role: string | undefined;

  /** @param role Who has it would see. */
  constructor(why: string, role?: string) {
    super(why);
    this.role = role;
  }
}

/** Nothing could be looked at. */
export class CouldNotLook extends UserError {}

/** How the doctor learns what is there. */
export interface Reader {
  /**
   * Asks once, however often it is called.
   * @returns The answer; undefined where there is no such thing.
   * @throws Unseen where the caller may not ask, or the API cannot answer now; CouldNotLook without valid credentials.
   */
  read<T>(question: Question): Promise<T | undefined>;
}

/** Longest a single answer is waited for, in milliseconds. */
const PATIENCE = 10_000;

/** Reads over REST. */
export class RestReader implements Reader {
  /** Requests sent so far. */
  requests = 0;
  private readonly answers = new Map<string, Promise<unknown>>();
  private token: Promise<string> | undefined;

  private readonly endpoints: Endpoints;
  private readonly credentials: () => Promise<string>;

  /**
   * @param credentials Gives an access token; asked once.
   */
  constructor(endpoints: Endpoints, credentials: () => Promise<string>) {
    this.endpoints = endpoints;
    this.credentials = credentials;
  }

  read<T>(question: Question): Promise<T | undefined> {
    const url = this.endpoints[question.api] + question.path;
    const answer = this.answers.get(url) ?? this.ask(url, question);
    this.answers.set(url, answer);
    return answer as Promise<T | undefined>;
  }

  private async ask(url: string, question: Question): Promise<unknown> {
    const token = await (this.token ??= this.credentials());
    this.requests++;
    return exchange(url, token, question);
  }
}

/**
 * Sends one request.
 * @param url Where to.
 * @param token The caller's access token.
 * @returns The answer; undefined where there is no such thing.
 * @throws Unseen, CouldNotLook, as {@link Reader.read} does.
 */
export async function exchange(url: string, token: string, { role, body }: Question): Promise<unknown> {
  const response = await fetch(url, {
    method: body ? "POST" : "GET",
    headers: { authorization: `Bearer ${token}`, ...(body && { "content-type": "application/json" }) },
    signal: AbortSignal.timeout(PATIENCE),
    ...(body && { body: JSON.stringify(body) }),
  }).catch((error: unknown) => {
    const { cause, message } = error as Error;
    throw new Unseen(`${new URL(url).origin} cannot be reached: ${cause instanceof Error ? cause.message : message}`);
  });
  if (response.ok) return response.json();
  if (response.status === 404) return undefined;
  throw refusal(response.status, await response.text(), role, url);
}

/** Google's error, as far as it is read: the older APIs put the reason into `errors`, the newer into `details`. */
interface ErrorBody {
  readonly error?: {
    readonly message?: string;
    readonly errors?: readonly { readonly reason?: string }[];
    readonly details?: readonly { readonly reason?: string }[];
  };
}

function refusal(status: number, text: string, role: string, url: string): Error {
  const error = parse(text).error ?? {};
  if (status === 401) {
    return new CouldNotLook(
      "The credentials are refused: run `gcloud auth application-default login`, or for the local stack `npm start -- --keep`.",
    );
  }
  if (status === 403) {
    const reasons = [...(error.errors ?? []), ...(error.details ?? [])].map(({ reason }) => reason);
    if (reasons.includes("accessNotConfigured") || reasons.includes("SERVICE_DISABLED")) {
      return new Unseen("its API is not enabled in the project");
    }
    return new Unseen("the caller may not see it", role);
  }
  return new Unseen(error.message ?? `${new URL(url).origin} answered ${status}`);
}

function parse(text: string): ErrorBody {
  try {
    return JSON.parse(text) as ErrorBody;
  } catch {
    return {};
  }
}

/**
 * The caller's access token: `GOOGLE_OAUTH_ACCESS_TOKEN`, as for the provider, else application default credentials.
 * @throws CouldNotLook where there are neither.
 */
export async function accessToken(): Promise<string> {
  const given = process.env.GOOGLE_OAUTH_ACCESS_TOKEN;
  if (given) return given;
  const { GoogleAuth } = await import("google-auth-library");
  const auth = new GoogleAuth({ scopes: "https://www.googleapis.com/auth/cloud-platform" });
  const token = await auth.getAccessToken().catch(() => undefined);
  if (token) return token;
  throw new CouldNotLook("There are no Google credentials: run `gcloud auth application-default login`.");
}
