import type { FastifyReply, FastifyRequest } from "fastify";
import { createGunzip } from "node:zlib";
import type { StorageObject } from "./object.ts";
import type { Objects } from "./objects.ts";

/**
 * Sends an object's bytes, or the part that the header `Range` asks for. An object with the content encoding gzip is
 * decompressed for a client that does not accept it: https://cloud.google.com/storage/docs/transcoding
 */
export function download(objects: Objects, object: StorageObject, { headers }: FastifyRequest, reply: FastifyReply) {
  const { cacheControl, contentDisposition, contentEncoding, contentLanguage } = object;
  const encoded = contentEncoding === "gzip";
  const accepted =
    headers["accept-encoding"]?.includes("gzip") === true || cacheControl?.includes("no-transform") === true;
  const decompress = encoded && !accepted;
  const optional = {
    "cache-control": cacheControl,
    "content-disposition": contentDisposition,
    "content-encoding": decompress ? undefined : contentEncoding,
    "content-language": contentLanguage,
  };
  void reply.headers({
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)),
    "content-type": object.contentType,
    etag: object.etag,
    "x-goog-generation": object.generation,
    "x-goog-metageneration": object.metageneration,
    "x-goog-storage-class": object.storageClass,
    "x-goog-stored-content-encoding": encoded ? "gzip" : "identity",
    "x-goog-stored-content-length": object.size,
    "x-goog-hash": `crc32c=${object.crc32c},md5=${object.md5Hash}`,
  });
  if (decompress) return reply.send(objects.stream(object).pipe(createGunzip()));
  const size = Number(object.size);
  const range = readRange(headers.range, size);
  if (range === "unsatisfiable") {
    return reply
      .code(416)
      .headers({ "content-range": `bytes */${size}`, "content-type": "text/plain" })
      .send();
  }
  if (!range) return reply.header("content-length", size).send(objects.stream(object));
  const { start, end } = range;
  return reply
    .code(206)
    .headers({ "content-range": `bytes ${start}-${end}/${size}`, "content-length": end - start + 1 })
    .send(objects.stream(object, range));
}

/** Reads the header `Range`; as RFC 9110, section 14.2, allows, other forms than one range of bytes are ignored. */
function readRange(
  header: string | undefined,
  size: number,
): { start: number; end: number } | "unsatisfiable" | undefined {
  const [match, first = "", last = ""] = /^bytes=(\d*)-(\d*)$/.exec(header ?? "") ?? [];
  if (match === undefined || (first === "" && last === "")) return undefined;
  const start = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === "" || last === "" ? size - 1 : Math.min(Number(last), size - 1);
  return start > end ? "unsatisfiable" : { start, end };
}
