import { GoogleError } from "../../rest/errors.ts";
import { etagOf } from "../../rest/etag.ts";
import type { Sums } from "./contents.ts";
import { type Fields, mergePatch, settableFields } from "../../rest/fields.ts";
import { withoutRetention } from "./retention.ts";

/** A generation of an object, as Cloud Storage returns it; settings without effect here are stored as sent. */
export interface StorageObject extends Fields {
  kind: "storage#object";
  id: string;
  selfLink: string;
  mediaLink: string;
  name: string;
  bucket: string;
  generation: string;
  metageneration: string;
  contentType: string;
  cacheControl?: string;
  storageClass: string;
  /** Bytes, as a decimal string. */
  size: string;
  md5Hash: string;
  crc32c: string;
  etag: string;
  timeCreated: string;
  updated: string;
  timeStorageClassUpdated: string;
  /** When it became noncurrent; absent from the live generation. */
  timeDeleted?: string;
}

const PATCHABLE = [
  ..."metadata cacheControl contentDisposition contentEncoding contentLanguage contentType customTime".split(" "),
  ..."eventBasedHold temporaryHold retention acl".split(" "),
];
/** The fields that a client may set only with the bytes. */
const FIXED = ["name", "storageClass", "md5Hash", "crc32c"];
const SETTABLE = [...PATCHABLE, ...FIXED];
const IGNORED = [
  ..."kind id selfLink mediaLink bucket generation metageneration size etag timeCreated updated".split(" "),
  ..."timeStorageClassUpdated timeFinalized owner".split(" "),
];

/** The metadata that a client sends with an object's bytes. */
export type Metadata = Partial<StorageObject>;

/** @throws GoogleError INVALID_ARGUMENT for a field that cannot be set. */
export function readMetadata(body: unknown): Metadata {
  return withoutRetention(settableFields<StorageObject>(body, SETTABLE, IGNORED));
}

/**
 * A new generation.
 * @throws GoogleError INVALID_ARGUMENT for a name that Google refuses, or if the bytes do not match the checksums that the
 * client sent.
 */
export function newObject(bucket: string, name: string, generation: string, metadata: Metadata, sums: Sums) {
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
    ...sums,
    etag: "",
    timeCreated: now,
    updated: now,
    timeStorageClassUpdated: now,
  });
}

/** The object after PATCH: the body is merged into it, null removes. */
export function patchedObject(object: StorageObject, body: unknown): StorageObject {
  const patch = withoutRetention(settableFields<StorageObject>(body, PATCHABLE, [...IGNORED, ...FIXED]));
  return sealed({
    ...mergePatch(object, patch),
    metageneration: String(Number(object.metageneration) + 1),
    updated: new Date().toISOString(),
  });
}

function sealed(object: StorageObject): StorageObject {
  return { ...object, etag: etagOf(object.id, object.metageneration) };
}
