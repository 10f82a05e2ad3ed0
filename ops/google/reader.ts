import { type Call, type Endpoints, Google, GoogleError, type Token } from "../../infra/google.ts";
import { UserError } from "../terminal/user-error.ts";

/** What a fact is asked from; with a body for those questions that Google takes as POST. */
export interface Question extends Pick<Call, "api" | "path" | "body"> {
  /** The smallest predefined role that allows the question; where it is bound stands behind it. */
  readonly role: string;
}

/** Something could not be looked at; the rest could. */
export class NotVisible extends Error {
  override readonly name = "NotVisible";

  readonly role: string | undefined;

  /** @param role Who has it would see. */
  constructor(why: string, role?: string) {
    super(why);
    this.role = role;
  }
}

/** Nothing could be looked at. */
export class CannotInspect extends UserError {}

/** How the doctor learns what is there. */
export interface Reader {
  /**
   * Asks once, however often it is called.
   * @returns The answer; undefined where there is no such thing.
   * @throws NotVisible where the caller may not ask, or the API cannot answer now; CannotInspect without valid credentials.
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
  private readonly google: Google;

  /** @param token The caller's, where it is not that of {@link Google}. */
  constructor(endpoints: Endpoints, token?: Token) {
    this.google = new Google(endpoints, { deadline: PATIENCE, token });
  }

  read<T>(question: Question): Promise<T | undefined> {
    const key = `${question.api} ${question.path}`;
    const answer = this.answers.get(key) ?? this.ask(question);
    this.answers.set(key, answer);
    return answer as Promise<T | undefined>;
  }

  private async ask({ role, ...call }: Question): Promise<unknown> {
    this.requests++;
    try {
      return await this.google.call(call);
    } catch (error) {
      if (error instanceof GoogleError && error.status === 404) return undefined;
      throw notVisible(error, role);
    }
  }
}

/** The error of {@link Reader.read}. */
function notVisible(error: unknown, role: string): unknown {
  if (!(error instanceof GoogleError)) return error;
  if (error.status === 401) return new CannotInspect(error.message);
  if (error.disabled) return new NotVisible("its API is not enabled in the project");
  if (error.status === 403) return new NotVisible("the caller may not see it", role);
  return new NotVisible(error.message);
}
