import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { GOOGLE } from "../../infra/google.ts";
import { UserError } from "../terminal/user-error.ts";
import { type Exchange, isJson, type Message } from "./exchange.ts";

/** Headers that concern one connection only, and those that `fetch` sets. */
const OF_CONNECTION = /^(connection|content-encoding|content-length|expect|host|keep-alive|transfer-encoding)$/;

/**
 * A proxy on this machine in front of a cloud: it forwards requests unchanged, with the caller's own credentials, and
 * records them. Each of Google's hosts has a port of its own, since paths such as `/v1/projects/P` do not tell them apart.
 */
export class Recorder {
  private readonly servers: Server[] = [];
  private readonly urls = new Map<string, string>();
  private exchanges: Exchange[] = [];

  /**
   * Starts the proxy.
   * @param upstream The address to which a host's requests go, such as `https://run.googleapis.com`.
   * @param first The first of its ports, one after the other; any free ones by default. A state contains them.
   * @throws UserError if a port is taken.
   */
  static async start(upstream: (host: string) => string, first?: number): Promise<Recorder> {
    const recorder = new Recorder();
    for (const [index, host] of [...new Set(Object.values(GOOGLE).map((url) => new URL(url).host))].entries()) {
      const server = createServer((request, response) => {
        recorder.forward(host, upstream(host), request, response).catch((error: unknown) => {
          if (!response.headersSent) response.writeHead(502);
          response.end(`${host} cannot be reached: ${String(error)}`);
        });
      });
      recorder.servers.push(server);
      await listen(server, first === undefined ? 0 : first + index);
      recorder.urls.set(host, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    }
    return recorder;
  }

  /** Stack configuration that sends the requests of the provider and of the commands through the proxy. */
  config(): Record<string, string> {
    return Object.fromEntries(
      Object.entries(GOOGLE).map(([api, google]) => {
        const { host, pathname } = new URL(google);
        return [`gcp:${api}CustomEndpoint`, `${this.urls.get(host) ?? ""}${pathname}`];
      }),
    );
  }

  /** The exchanges since the last call, in the order of their answers. */
  take(): Exchange[] {
    const taken = this.exchanges;
    this.exchanges = [];
    return taken;
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.servers.map((server) => {
        server.closeAllConnections();
        return new Promise((resolve) => server.close(resolve));
      }),
    );
  }

  private async forward(host: string, origin: string, request: IncomingMessage, response: ServerResponse) {
    const { method = "GET", url = "/" } = request;
    const sent = await buffer(request);
    const headers = Object.entries(request.headers).flatMap(([name, value]) =>
      value === undefined || OF_CONNECTION.test(name) ? [] : [[name, [value].flat().join(", ")] as [string, string]],
    );
    const answer = await fetch(origin + url, {
      ...{ method, headers, redirect: "manual" },
      ...(sent.length > 0 && { body: sent }),
    });
    const body = Buffer.from(await answer.arrayBuffer());
    this.exchanges.push({
      method,
      url: `https://${host}${url}`,
      status: answer.status,
      request: messageOf(request.headers["content-type"], sent),
      answer: messageOf(answer.headers.get("content-type") ?? undefined, body),
    });
    response.writeHead(
      answer.status,
      [...answer.headers].filter(([name]) => !OF_CONNECTION.test(name)),
    );
    response.end(body);
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(
        error.code === "EADDRINUSE" ? new UserError(`Port ${port} is taken by another program: stop that one.`) : error,
      );
    });
    server.listen(port, "127.0.0.1", resolve);
  });
}

function messageOf(header: string | undefined, body: Buffer): Message {
  const [type = ""] = (header ?? "").split(";");
  if (body.length === 0) return {};
  return { type, body: isJson(type) ? (JSON.parse(body.toString()) as unknown) : body.toString() };
}
