import { setTimeout as delay } from "node:timers/promises";
import { Refused } from "../../packages/console/server.ts";

/** The user agent of the console's own reads, which its list of API calls leaves out. */
export const READER = "settlement-console";

/** An operation of Cloud SQL or Cloud Run. */
interface Operation {
  readonly name?: string;
  readonly status?: string;
  readonly done?: boolean;
  readonly error?: { readonly message?: string; readonly errors?: readonly { readonly message?: string }[] };
}

/** Pause between looks at an operation, in milliseconds. */
const PAUSE = 100;

/** The REST APIs of the embedded cloud, called as its owner. */
export class Cloud {
  readonly url: string;
  readonly token: string;
  readonly project: string;
  readonly region: string;
  /** Gets a line for each change that was requested. */
  private readonly onChange: (line: string) => void;

  constructor(
    { project, region, token, url }: Pick<Cloud, "url" | "token" | "project" | "region">,
    onChange: (line: string) => void = () => undefined,
  ) {
    this.url = url;
    this.token = token;
    this.project = project;
    this.region = region;
    this.onChange = onChange;
  }

  /** The same cloud, which reports each change that it requests. */
  reporting(onChange: (line: string) => void): Cloud {
    return new Cloud(this, onChange);
  }

  /** Path of the service. */
  get service(): string {
    return `/v2/projects/${this.project}/locations/${this.region}/services/settlement-service`;
  }

  /** Path of Cloud SQL in the project. */
  get sql(): string {
    return `/sql/v1beta4/projects/${this.project}`;
  }

  /** Path of Secret Manager in the project. */
  get secrets(): string {
    return `/v1/projects/${this.project}/secrets`;
  }

  /** Reads a resource; undefined if the cloud does not have it or refuses. @param body Sent with POST, if given. */
  async read<T>(path: string, body?: object): Promise<T | undefined> {
    const response = await this.request(body ? "POST" : "GET", path, body, { "user-agent": READER });
    const text = await response.text();
    return response.ok ? (JSON.parse(text) as T) : undefined;
  }

  /**
   * Changes something.
   * @param body An object is sent as JSON, a string as SQL.
   * @throws Refused with Google's message.
   */
  async change<T>(method: "POST" | "PUT" | "PATCH" | "DELETE", path: string, body?: object | string): Promise<T> {
    const response = await this.request(method, path, body, {});
    const text = await response.text();
    this.onChange(`${method} ${path.replace(/\?.*/, "")} → ${response.status}`);
    if (!response.ok) throw new Refused(`${method} ${path} answered ${response.status}: ${text.slice(0, 500)}`);
    return (text === "" ? {} : JSON.parse(text)) as T;
  }

  /** Changes something, and waits for the operation's end. @throws Refused if it fails. */
  async operate(method: "POST" | "PUT" | "PATCH" | "DELETE", path: string, body?: object): Promise<void> {
    const isSql = path.startsWith("/sql/");
    let operation: Operation | undefined = await this.change<Operation>(method, path, body);
    const at = isSql ? `${this.sql}/operations/${operation.name ?? ""}` : `/v2/${operation.name ?? ""}`;
    while (operation && !(isSql ? operation.status === "DONE" : operation.done)) {
      await delay(PAUSE);
      operation = await this.read<Operation>(at);
    }
    const problem = operation?.error?.message ?? operation?.error?.errors?.[0]?.message;
    if (problem !== undefined) throw new Refused(problem);
  }

  private request(
    method: string,
    path: string,
    body: object | string | undefined,
    headers: Readonly<Record<string, string>>,
  ): Promise<Response> {
    const type = typeof body === "string" ? "application/sql" : "application/json";
    return fetch(this.url + path, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...headers,
        ...(body !== undefined && { "content-type": type }),
      },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
  }
}
