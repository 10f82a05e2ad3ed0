import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A comment on a pull request. */
export interface Comment {
  readonly id: number;
  body: string;
  readonly user: { readonly type: "Bot" | "User" };
}

/** The part of GitHub's API for comments on one pull request that is used. */
export class FakeGitHub {
  url = "";
  readonly comments: Comment[] = [];
  /** The method of every request that changed something. */
  readonly changes: string[] = [];
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
