/** A part of a multipart body. */
export interface Part {
  /** The part's `Content-Type`, if it has one. */
  readonly contentType: string | undefined;
  readonly body: Buffer;
}

/**
 * Splits a `multipart/related` body (RFC 2046, section 5.1). As at Google, lines may also end in LF alone and the boundary may
 * stand in single quotes: gcloud and gsutil write both.
 * @param contentType The request's header, which contains the boundary.
 * @returns The parts; undefined for a malformed body.
 */
export function parseMultipart(contentType: string, body: Buffer): Part[] | undefined {
  const match = /;\s*boundary=(?:"([^"]+)"|'([^']+)'|([^\s;]+))/i.exec(contentType);
  const boundary = match?.[1] ?? match?.[2] ?? match?.[3];
  if (boundary === undefined) return undefined;
  const delimiter = Buffer.from(`--${boundary}`);
  const parts: Part[] = [];
  let start = nextDelimiter(body, delimiter, 0);
  // All lines of a body end alike, and a part may end in CR.
  const lineEnd = body[start + delimiter.length] === 0x0d ? 2 : 1;
  while (start !== -1) {
    const after = start + delimiter.length;
    if (body.toString("latin1", after, after + 2) === "--") return parts;
    const end = nextDelimiter(body, delimiter, after);
    const part = end === -1 ? undefined : parsePart(body.subarray(after, end - lineEnd));
    if (!part) return undefined;
    parts.push(part);
    start = end;
  }
  return undefined;
}

/** Where the next line that starts with the delimiter begins; -1 if there is none. */
function nextDelimiter(body: Buffer, delimiter: Buffer, from: number): number {
  let at = body.indexOf(delimiter, from);
  while (at > 0 && body[at - 1] !== 0x0a) at = body.indexOf(delimiter, at + 1);
  return at;
}

/** More than the headers of a part. */
const HEADERS = 64 * 1024;

/** @param text The text between two delimiters, starting with the rest of the first delimiter's line. */
function parsePart(text: Buffer): Part | undefined {
  const latin = text.toString("latin1", 0, HEADERS);
  const end = /\r?\n\r?\n/.exec(latin);
  if (!end) return undefined;
  const contentType = /\ncontent-type:[ \t]*([^\r\n]+)/i.exec(latin.slice(0, end.index))?.[1]?.trim();
  return { contentType, body: text.subarray(end.index + end[0].length) };
}
