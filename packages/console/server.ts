import { randomBytes, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Board } from "./board.ts";
import { IMPORT_MAP_HASH, pageFile } from "./files.ts";

/** What the page can have done, by name; gets the request's body, and its result is the answer. */
export type Actions = Readonly<Record<string, (body: Readonly<Record<string, unknown>>) => unknown>>;

/** An action was refused; the page shows the message. */
export class Refused extends Error {
  override readonly name = "Refused";
}

export interface ConsoleOptions {
  readonly board: Board;
  readonly actions: Actions;
  /** Gets an error that is no {@link Refused}. */
  readonly onError: (error: unknown) => void;
}

/** A running console. */
export interface Console {
  /** The address to open, with the token. */
  readonly address: string;
  /** Ends all connections. */
  stop(): Promise<void>;
}

/** Everything comes from this server, and no other page may embed it. */
const SECURITY = {
  "content-security-policy": [
    "default-src 'none'",
    `script-src 'self' ${IMPORT_MAP_HASH}`,
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; "),
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
};

/** The longest body of an action, in bytes. */
const BODY_LIMIT = 64 * 1024;

/** How often an idle stream sends a comment, so that a page notices a lost connection, in milliseconds. */
const HEARTBEAT = 10_000;

/**
 * Serves the page on loopback. The address contains the token behind `#`, which a browser sends to nobody; the page takes it
 * from there and sends it as a header. Files of the page need no token: they are the same for all.
 */
export async function startConsole({ actions, board, onError }: ConsoleOptions): Promise<Console> {
  const token = randomBytes(24).toString("base64url");
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (!(error instanceof Refused)) onError(error);
      const message =
        error instanceof Refused
          ? (JSON.parse(board.toJson(error.message)) as string)
          : "The console failed; the terminal shows why.";
      refuse(response, error instanceof Refused ? 409 : 500, message);
    });
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(SECURITY)) response.setHeader(name, value);
    if (!isLoopbackHost(request)) {
      refuse(response, 403, "The Host header is not a loopback name.");
      return;
    }
    const { pathname } = new URL(request.url ?? "/", "http://console");
    const [, action] = /^\/actions\/([a-z-]+)$/.exec(pathname) ?? [];
    if (pathname !== "/events" && action === undefined) {
      await sendFile(pathname, request, response);
    } else if (!holds(request, token)) {
      refuse(response, 401, "The token is missing or wrong: open the address that the terminal prints.");
    } else if (action === undefined) {
      stream(response, board);
    } else if (request.method !== "POST") {
      refuse(response, 405, "Use POST.");
    } else {
      const act = Object.hasOwn(actions, action) ? actions[action] : undefined;
      if (!act) refuse(response, 404, `There is no action ${action}.`);
      else respond(response, 200, board.toJson((await act(await body(request))) ?? {}));
    }
  }

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}/#${token}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

/** Protects against DNS rebinding: a foreign page's requests have another Host header. */
function isLoopbackHost({ headers }: IncomingMessage): boolean {
  return /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(headers.host ?? "");
}

function holds({ headers }: IncomingMessage, token: string): boolean {
  const given = Buffer.from(headers.authorization ?? "");
  const wanted = Buffer.from(`Bearer ${token}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

async function sendFile(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const file = request.method === "GET" ? await pageFile(path) : undefined;
  if (!file) refuse(response, 404, "There is no such file.");
  else response.writeHead(200, { "content-type": file.type }).end(file.content);
}

/** Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html */
function stream(response: ServerResponse, board: Board): void {
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
  const heartbeat = setInterval(() => response.write(":\n\n"), HEARTBEAT);
  const end = board.follow((topic, json) => {
    response.write(`event: ${topic}\ndata: ${json}\n\n`);
  });
  response.once("close", () => {
    clearInterval(heartbeat);
    end();
  });
}

async function body(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > BODY_LIMIT) throw new Refused(`The request is larger than ${BODY_LIMIT} bytes.`);
    chunks.push(chunk);
  }
  if (length === 0) return {};
  try {
    const parsed: unknown = JSON.parse(Buffer.concat(chunks).toString("utf8"));
    if (typeof parsed === "object" && parsed !== null) return { ...parsed };
  } catch {
    // As for JSON that is no object.
  }
  throw new Refused("The request is not a JSON object.");
}

function respond(response: ServerResponse, status: number, json: string): void {
  if (response.headersSent) response.end();
  else response.writeHead(status, { "content-type": "application/json" }).end(json);
}

function refuse(response: ServerResponse, status: number, error: string): void {
  respond(response, status, JSON.stringify({ error }));
}
