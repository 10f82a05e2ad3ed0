import { setTimeout as wait } from "node:timers/promises";
import { accessToken, type Endpoints } from "./reader.ts";
import { UserError } from "../terminal/user-error.ts";
import { compare, type Difference, mended, type Membership, type Policy } from "./policy.ts";

/** How long what was just made may take to be seen everywhere, in milliseconds: two minutes as a rule. */
const PROPAGATION = 2 * 60_000; // https://cloud.google.com/iam/docs/access-change-propagation
/** Pauses between two tries, in milliseconds: the first, and the longest after growing by half each time. */
const PAUSE = { first: 100, longest: 5_000 };

/** A request. */
export interface Request {
  readonly method: "GET" | "POST" | "PUT" | "PATCH";
  readonly api: keyof Endpoints;
  /** Below the API's address, with its query. */
  readonly path: string;
  readonly body?: object;
}

/** Where a policy is. */
export interface PolicyHolder {
  readonly read: Request;
  readonly write: (policy: Policy) => Request;
}

/** Google refused a request. */
class Refusal extends UserError {
  readonly status: number;
  readonly reasons: readonly (string | undefined)[];

  constructor(status: number, reasons: readonly (string | undefined)[], message: string) {
    super(message);
    this.status = status;
    this.reasons = reasons;
  }

  /** Whether the API is not enabled, or not yet seen to be. */
  get disabled(): boolean {
    return this.reasons.some((reason) => reason === "SERVICE_DISABLED" || reason === "accessNotConfigured");
  }

  /** Whether a policy names an account that is so new that it is not yet seen. */
  get unknownMember(): boolean {
    return this.status === 400 && /service account .* does not exist/i.test(this.message);
  }

  /** Whether somebody else changed what was read before. */
  get contended(): boolean {
    return this.status === 409 || this.status === 412;
  }
}

/** Google's APIs, as the caller of the command. */
export class Google {
  private token: Promise<string> | undefined;

  private readonly endpoints: Endpoints;

  constructor(endpoints: Endpoints) {
    this.endpoints = endpoints;
  }

  /**
   * @returns Undefined where there is no such thing, and where its API is not enabled: then there is none either.
   * @throws UserError where Google refuses.
   */
  async find<T>(request: Pick<Request, "api" | "path">): Promise<T | undefined> {
    try {
      return await this.once<T>({ method: "GET", ...request });
    } catch (error) {
      if (error instanceof Refusal && (error.status === 404 || error.disabled)) return undefined;
      throw error;
    }
  }

  /**
   * Changes something, and waits where the answer is an operation that has not ended.
   * @throws UserError where Google refuses, or the operation fails.
   */
  async change(request: Request): Promise<void> {
    interface Operation {
      readonly name?: string;
      readonly done?: boolean;
      readonly error?: { readonly message?: string };
    }
    let answer = await this.repeating(
      (error) => error.disabled,
      () => this.once<Operation>(request),
    );
    for (let pause = PAUSE.first; isOperation(answer) && answer.done !== true; pause = longer(pause)) {
      await wait(pause);
      answer = await this.once<Operation>({ method: "GET", api: request.api, path: answer.name ?? "" });
    }
    if (answer.error) throw new UserError(`${request.path}: ${answer.error.message ?? "failed"}`);
  }

  /**
   * How a policy differs from what it should be; where its holder is not there yet, all is missing.
   * @param isOurs See {@link compare}.
   */
  async differenceOf(
    holder: PolicyHolder,
    wanted: readonly Membership[],
    isOurs: (member: string) => boolean,
  ): Promise<Difference> {
    try {
      return compare(await this.once<Policy>(holder.read), wanted, isOurs);
    } catch (error) {
      if (error instanceof Refusal && (error.status === 404 || error.disabled)) return { missing: wanted, extra: [] };
      throw error;
    }
  }

  /** Mends a policy under its etag; where somebody else changed it meanwhile, it is read again. */
  async mend(holder: PolicyHolder, wanted: readonly Membership[], isOurs: (member: string) => boolean): Promise<void> {
    const again = (error: Refusal) => error.disabled || error.contended || error.unknownMember || error.status === 404;
    await this.repeating(again, async () => {
      const policy = await this.once<Policy>(holder.read);
      const difference = compare(policy, wanted, isOurs);
      if (difference.missing.length + difference.extra.length === 0) return;
      await this.once(holder.write(mended(policy, difference)));
    });
  }

  private async repeating<T>(again: (error: Refusal) => boolean, work: () => Promise<T>): Promise<T> {
    const end = Date.now() + PROPAGATION;
    for (let pause = PAUSE.first; ; pause = longer(pause)) {
      try {
        return await work();
      } catch (error) {
        const worth = error instanceof Refusal && (again(error) || error.status === 429 || error.status >= 500);
        if (!worth || Date.now() + pause > end) throw error;
        await wait(pause);
      }
    }
  }

  private async once<T>({ method, api, path, body }: Request): Promise<T> {
    const url = this.endpoints[api] + path;
    const response = await fetch(url, {
      method,
      headers: {
        authorization: `Bearer ${await (this.token ??= callersToken())}`,
        ...(body && { "content-type": "application/json" }),
      },
      ...(body && { body: JSON.stringify(body) }),
    }).catch((error: unknown) => {
      const { cause, message } = error as Error;
      const why = cause instanceof Error ? cause.message : message;
      throw new UserError(`${new URL(url).origin} cannot be reached: ${why}.`);
    });
    const text = await response.text();
    if (response.ok) return JSON.parse(text) as T;
    throw refusal(response.status, text, `${method} ${path.replace(/\?.*/, "")}`);
  }
}

function refusal(status: number, text: string, what: string): Error {
  interface Detail {
    readonly reason?: string;
  }
  let error: { message?: string; errors?: Detail[]; details?: Detail[] } = {};
  try {
    error = (JSON.parse(text) as { error?: typeof error }).error ?? {};
  } catch {
    // What is not JSON is shown as it is.
  }
  if (status === 401) return new UserError("The credentials are refused: run `gcloud auth application-default login`.");
  const reasons = [...(error.errors ?? []), ...(error.details ?? [])].map(({ reason }) => reason);
  return new Refusal(status, reasons, `Google refused ${what}: ${error.message ?? text.slice(0, 200)}`);
}

function callersToken(): Promise<string> {
  return accessToken().catch((error: unknown) => {
    throw new UserError((error as Error).message);
  });
}

function isOperation({ name = "" }: { readonly name?: string }): boolean {
  return /(^|\/)operations\//.test(name);
}

function longer(pause: number): number {
  return Math.min(pause * 1.5, PAUSE.longest);
}
