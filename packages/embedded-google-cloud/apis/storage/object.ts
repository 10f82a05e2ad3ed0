import { createHash } from "node:crypto";
import { crc32c } from "../../rest/crc32c.ts";
import { GoogleError } from "../../rest/errors.ts";
import { etagOf } from "../../rest/etag.ts";
import { mergePatch, settableFields } from "../../rest/fields.ts";

/** A generation of an object, as Cloud Storage answers it. */
export interface StorageObject {
  kind: "storage#object";
  id: string;
  selfLink: string;
  mediaLink: string;
  name: string;
  bucket: string;
  generation: string;
  metageneration: string;
  contentType: string;
  storageClass: string;
  /** Bytes, as text. */
  size: string;
  md5Hash: string;
  crc32c: string;
  etag: string;
  timeCreated: string;
  updated: string;
  timeStorageClassUpdated: string;
  /** When it ceased to be the live one; absent on the live one. */
  timeDeleted?: string;
  metadata?: Record<string, string>;
  cacheControl?: string;
  contentDisposition?: string;
  contentEncoding?: string;
  contentLanguage?: string;
  customTime?: string;
  eventBasedHold?: boolean;
  temporaryHold?: boolean;
  retention?: unknown;
  acl?: unknown;
}

const PATCHABLE = [
  "metadata",
  "cacheControl",
  "contentDisposition",
  "contentEncoding",
  "contentLanguage",
  "contentType",
  "customTime",
  "eventBasedHold",
  "temporaryHold",
  "retention",
  "acl",
] as const satisfies readonly (keyof StorageObject)[];
const SETTABLE = [...PATCHABLE, "name", "storageClass", "md5Hash", "crc32c"] as const;
const IGNORED = [
  "kind",
  "id",
  "selfLink",
  "mediaLink",
  "bucket",
  "generation",
  "metageneration",
  "size",
  "etag",
  "timeCreated",
  "updated",
  "timeStorageClassUpdated",
  "timeFinalized",
  "owner",
];

/** What a client sends with an object's bytes. */
export type Metadata = Partial<Pick<StorageObject, (typeof SETTABLE)[number]>>;

/** @throws GoogleError INVALID_ARGUMENT for unknown fields. */
export function readMetadata(body: unknown): Metadata {
  return settableFields<StorageObject>(body, SETTABLE, IGNORED);
}

/**
 * A new generation.
 * @param metadata What the client says about it.
 * @throws GoogleError INVALID_ARGUMENT for a name Google would not take, or where the bytes are not those of the
 * checksums the client sent.
 */
export function newObject(bucket: string, name: string, generation: string, metadata: Metadata, bytes: Buffer) {
  // https://cloud.google.com/storage/docs/objects#naming: 1 to 1,024 bytes of UTF-8, no line ends.
  if (
    name === "" ||
    name === "." ||
    name === ".." ||
    /[\r\n\p{Surrogate}]/u.test(name) ||
    Buffer.byteLength(name) > 1024
  ) {
    throw new GoogleError("INVALID_ARGUMENT", `Invalid object name: '${name}'`, "invalid");
  }
  const sums = { md5Hash: createHash("md5").update(bytes).digest("base64"), crc32c: base64(crc32c(bytes)) };
  for (const sum of ["md5Hash", "crc32c"] as const) {
    if (metadata[sum] !== undefined && metadata[sum] !== sums[sum]) {
      throw new GoogleError(
        "INVALID_ARGUMENT",
        `Provided ${sum} "${metadata[sum]}" doesn't match calculated ${sum} "${sums[sum]}".`,
        "invalid",
      );
    }
  }
  const now = new Date().toISOString();
  const path = `b/${bucket}/o/${encodeURIComponent(name)}`;
  return sealed({
    contentType: "application/octet-stream",
    storageClass: "STANDARD",
    ...metadata,
    kind: "storage#object",
    id: `${bucket}/${name}/${generation}`,
    selfLink: `https://www.googleapis.com/storage/v1/${path}`,
    mediaLink: `https://storage.googleapis.com/download/storage/v1/${path}?generation=${generation}&alt=media`,
    name,
    bucket,
    generation,
    metageneration: "1",
    size: String(bytes.length),
    ...sums,
    etag: "",
    timeCreated: now,
    updated: now,
    timeStorageClassUpdated: now,
  });
}

/** The object after PATCH: what was sent is merged into it, null removes. */
export function patchedObject(object: StorageObject, body: unknown): StorageObject {
  const patch = settableFields<StorageObject>(body, PATCHABLE, [
    ...IGNORED,
    "name",
    "storageClass",
    "md5Hash",
    "crc32c",
  ]);
  return sealed({
    ...mergePatch(object, patch),
    metageneration: String(Number(object.metageneration) + 1),
    updated: new Date().toISOString(),
  });
}

function sealed(object: StorageObject): StorageObject {
  return { ...object, etag: etagOf(object.id, object.metageneration) };
}

/** As Cloud Storage writes a CRC32C: four bytes, the highest first, in Base64. */
function base64(sum: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(sum);
  return bytes.toString("base64");
}
