import { type Call, type Endpoints, Google, GoogleError, type Token } from "../../infra/google.ts";
import { UserError } from "../terminal/user-error.ts";

/** A read; with a body if Google takes it as a POST. */
export interface Question extends Pick<Call, "api" | "path" | "body"> {
  /** The smallest predefined role that allows it, and on what: `roles/viewer on the project`. */
  readonly role: string;
}

/** One fact cannot be seen. */
export class NotVisible extends Error {
  override readonly name = "NotVisible";

  readonly role: string | undefined;

  /** @param role The role that is missing, if that is the reason. */
  constructor(why: string, role?: string) {
    super(why);
    this.role = role;
  }
}

/** Nothing can be inspected. */
export class CannotInspect extends UserError {
  override readonly exitCode = 3;
}

/** Reads from Google. */
export interface Reader {
  /**
   * Sends the same question only once.
   * @returns The answer; undefined if the resource does not exist.
   * @throws NotVisible if the caller may not ask or the API cannot answer; CannotInspect without valid credentials.
   */
  read<T>(question: Question): Promise<T | undefined>;
}

/** Reads over REST; an answer may take ten seconds. */
export class RestReader implements Reader {
  /** Requests sent so far. */
  requests = 0;
  private readonly answers = new Map<string, Promise<unknown>>();
  private readonly google: Google;

  /** @param token The caller's, if it is not the default of {@link Google}. */
  constructor(endpoints: Endpoints, token?: Token) {
    this.google = new Google(endpoints, { deadline: 10_000, token });
  }

  read<T>(question: Question): Promise<T | undefined> {
    const key = JSON.stringify([question.api, question.path, question.body]);
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
  if (error.status === 403) return new NotVisible("permission denied", role);
  return new NotVisible(error.message);
}
