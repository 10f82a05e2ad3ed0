/** A part of a multipart body. */
export interface Part {
  /** The part's `Content-Type`, if it has one. */
  readonly contentType: string | undefined;
  readonly body: Buffer;
}

const LINE_END = Buffer.from("\r\n");
const HEADERS_END = Buffer.from("\r\n\r\n");

/**
 * Splits a `multipart/related` body (RFC 2046, section 5.1).
 * @param contentType The request's header, which contains the boundary.
 * @returns The parts; undefined for a malformed body.
 */
export function parseMultipart(contentType: string, body: Buffer): Part[] | undefined {
  const match = /;\s*boundary=(?:"([^"]+)"|([^\s;]+))/i.exec(contentType);
  const boundary = match?.[1] ?? match?.[2];
  if (boundary === undefined) return undefined;
  // A delimiter starts a line; the first may start the body.
  const text = Buffer.concat([LINE_END, body]);
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  const parts: Part[] = [];
  let start = text.indexOf(delimiter);
  while (start !== -1) {
    const after = start + delimiter.length;
    if (text.toString("latin1", after, after + 2) === "--") return parts;
    const end = text.indexOf(delimiter, after);
    const part = end === -1 ? undefined : parsePart(text.subarray(after, end));
    if (!part) return undefined;
    parts.push(part);
    start = end;
  }
  return undefined;
}

/** @param text The text between two delimiters, starting with the rest of the first delimiter's line. */
function parsePart(text: Buffer): Part | undefined {
  const end = text.indexOf(HEADERS_END);
  if (end === -1) return undefined;
  const contentType = /\r\ncontent-type:[ \t]*([^\r\n]+)/i.exec(text.toString("latin1", 0, end))?.[1]?.trim();
  return { contentType, body: text.subarray(end + HEADERS_END.length) };
}
