import { STATUS_CODES } from "node:http";

/** A request to Google and its answer. */
export interface Exchange {
  readonly method: string;
  /** Google's URL, with the query, whichever cloud answered. */
  readonly url: string;
  readonly status: number;
  readonly request: Message;
  readonly answer: Message;
}

/** What a request or an answer carries. */
export interface Message {
  /** Content-Type, without its parameters; undefined without a body. */
  readonly type?: string | undefined;
  /** Parsed JSON, or text; undefined without a body. */
  readonly body?: unknown;
}

const END = "\n---\n\n";

/**
 * Exchanges as text: a request line, the Content-Type and the body, then the same of the answer.
 * @param title The first line, without its `#`.
 */
export function format(title: string, exchanges: readonly Exchange[]): string {
  const texts = exchanges.map(({ answer, method, request, status, url }) =>
    [
      [`${method} ${url}`, ...partsOf(request)].join("\n"),
      "\n\n",
      [`${status} ${STATUS_CODES[status] ?? ""}`.trim(), ...partsOf(answer)].join("\n"),
      "\n",
    ].join(""),
  );
  return `# ${title}\n\n${texts.join(END)}`;
}

/** Reads exchanges from the text that {@link format} writes. */
export function parse(text: string): Exchange[] {
  const [, content = ""] = /^# .*\n\n([^]*)$/.exec(text) ?? [];
  return content === "" ? [] : content.split(END).map(parseOne);
}

function partsOf({ body, type }: Message): string[] {
  if (body === undefined) return [];
  const text = typeof body === "string" ? body : JSON.stringify(body, undefined, 2);
  return [`Content-Type: ${type ?? "application/json"}`, "", text];
}

function parseOne(text: string): Exchange {
  const lines = text.trimEnd().split("\n");
  const answered = lines.findIndex((line) => /^\d{3}( |$)/.test(line));
  const [method = "", url = ""] = (lines[0] ?? "").split(" ");
  return {
    method,
    url,
    status: Number(lines[answered]?.slice(0, 3)),
    request: messageIn(lines.slice(1, answered)),
    answer: messageIn(lines.slice(answered + 1)),
  };
}

function messageIn([header = "", ...rest]: readonly string[]): Message {
  if (!header.startsWith("Content-Type: ")) return {};
  const type = header.slice("Content-Type: ".length);
  const text = rest.join("\n").trim();
  return { type, body: isJson(type) ? (JSON.parse(text) as unknown) : text };
}

/** Whether a Content-Type means JSON. */
export function isJson(type: string): boolean {
  return type === "application/json";
}
