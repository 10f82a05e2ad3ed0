import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A comment on a pull request. */
export interface Comment {
  readonly id: number;
  body: string;
  readonly user: { readonly type: "Bot" | "User" };
}

/** An answer in place of the one that a request asks for. */
export interface Refusal {
  /** Only to this method; to any by default. */
  readonly method?: string;
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
  /** Whether the request takes effect all the same. */
  readonly lost?: true;
}

const refusal = (status: number, message: string, headers: Record<string, string> = {}): Refusal => ({
  status,
  headers,
  body: JSON.stringify({ message, documentation_url: "https://docs.github.com/rest", status: String(status) }),
});

/** How GitHub refuses: https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api */
export const REFUSALS = {
  badGateway: { status: 502, body: "<html><head><title>502 Bad Gateway</title></head></html>" },
  readOnly: { method: "POST", ...refusal(403, "Resource not accessible by integration") },
  secondary: refusal(403, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.", {
    "retry-after": "0",
  }),
  tooMany: refusal(429, "API rate limit exceeded for installation.", { "retry-after": "0" }),
  primary: refusal(403, "API rate limit exceeded for installation ID 1.", {
    "x-ratelimit-remaining": "0",
    "x-ratelimit-reset": String(Math.ceil(Date.now() / 1000) + 3000),
  }),
} as const satisfies Record<string, Refusal>;

/** The part of GitHub's API for comments on one pull request that is used. */
export class FakeGitHub {
  url = "";
  readonly comments: Comment[] = [];
  /** The method of every request that changed something. */
  readonly changes: string[] = [];
  /** The refusals of the next requests. */
  readonly refusals: Refusal[] = [];
  private readonly server: Server;

  constructor(token: string, repository: string, pull: number) {
    const root = `/repos/${repository}/issues`;
    this.server = createServer((request, response) => {
      let sent = "";
      request.on("data", (chunk: Buffer) => (sent += chunk.toString()));
      request.on("end", () => {
        const { pathname, searchParams } = new URL(request.url ?? "", "http://github");
        const answer = (status: number, body: unknown) => response.writeHead(status).end(JSON.stringify(body));
        if (request.headers.authorization !== `Bearer ${token}`) return answer(401, { message: "Bad credentials" });
        const { body = "" } = (sent === "" ? {} : JSON.parse(sent)) as { body?: string };
        const at = this.refusals.findIndex(({ method = request.method }) => method === request.method);
        const [refused] = at < 0 ? [] : this.refusals.splice(at, 1);
        if (refused?.lost) this.add(body, "Bot");
        if (refused) return response.writeHead(refused.status, refused.headers).end(refused.body);
        if (request.method !== "GET") this.changes.push(request.method ?? "");
        const edited = this.comments.find(({ id }) => pathname === `${root}/comments/${id}`);
        if (request.method === "PATCH" && edited) return answer(200, Object.assign(edited, { body }));
        if (pathname !== `${root}/${pull}/comments`) return answer(404, { message: "Not Found" });
        if (request.method === "POST") return answer(201, this.add(body, "Bot"));
        const size = Number(searchParams.get("per_page"));
        const first = (Number(searchParams.get("page")) - 1) * size;
        return answer(200, this.comments.slice(first, first + size));
      });
    });
  }

  add(body: string, type: "Bot" | "User"): Comment {
    const comment = { id: this.comments.length + 1, body, user: { type } };
    this.comments.push(comment);
    return comment;
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    this.url = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server.close();
  }
}
