import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { type Fields, isFields } from "../fields.ts";
import { absent, type Google, GoogleApiError } from "../google.ts";
import type { Live, ResourceType } from "../provider.ts";
import { fromRest, restField, toRest } from "../rest.ts";
import {
  apart,
  asset,
  changing,
  computed,
  defaulting,
  deletionPolicy,
  flag,
  int64,
  list,
  map,
  named,
  number,
  object,
  objects,
  output,
  own,
  project,
  type Properties,
  replacing,
  required,
  set,
  text,
} from "../schema.ts";
import { isAsset, stringOf } from "../values.ts";
import { expand } from "./paths.ts";

/** Locations are case-insensitive; Google returns upper case. */
const sameInAnyCase = (before: unknown, after: unknown) => String(before).toUpperCase() === String(after).toUpperCase();

const bucket: Properties = {
  name: { ...replacing(text), autoname: true },
  project,
  location: { ...replacing(required(text)), same: sameInAnyCase },
  storageClass: defaulting("STANDARD", text),
  labels: map,
  uniformBucketLevelAccess: named("iamConfiguration.uniformBucketLevelAccess.enabled", computed(flag)),
  publicAccessPrevention: named("iamConfiguration.publicAccessPrevention", computed(text)),
  versioning: object({ enabled: required(flag) }),
  lifecycleRules: named(
    "lifecycle.rule",
    set(
      object({
        action: required(object({ type: required(text), storageClass: text })),
        condition: required(
          object({
            age: number,
            createdBefore: text,
            customTimeBefore: text,
            daysSinceCustomTime: number,
            daysSinceNoncurrentTime: number,
            matchesPrefixes: named("matchesPrefix", list(text)),
            matchesStorageClasses: named("matchesStorageClass", list(text)),
            matchesSuffixes: named("matchesSuffix", list(text)),
            noncurrentTimeBefore: text,
            numNewerVersions: number,
            withState: output(text),
          }),
        ),
      }),
    ),
  ),
  softDeletePolicy: computed(object({ retentionDurationSeconds: int64, effectiveTime: output(text) })),
  retentionPolicy: object({ retentionPeriod: required(text), isLocked: flag }),
  cors: objects({
    maxAgeSeconds: number,
    methods: named("method", list(text)),
    origins: named("origin", list(text)),
    responseHeaders: named("responseHeader", list(text)),
  }),
  logging: object({ logBucket: required(text), logObjectPrefix: computed(text) }),
  encryption: object({ defaultKmsKeyName: text }),
  requesterPays: named("billing.requesterPays", flag),
  defaultEventBasedHold: flag,
  rpo: computed(text),
  forceDestroy: own(defaulting(false, flag)),
  deletionPolicy,
  projectNumber: output(int64),
  selfLink: output(text),
  timeCreated: output(text),
  updated: changing(text),
  url: output(text),
};
const BUCKET = "b/{name}";

async function readBucket(google: Google, known: Fields): Promise<Live | undefined> {
  const resource = await google.find("storage", expand(BUCKET, known));
  return resource && liveBucket(google, known, resource);
}

function liveBucket(google: Google, known: Fields, resource: Fields): Live {
  const name = String(resource.name);
  const values: Fields = { ...fromRest(bucket, resource), url: `gs://${name}` };
  const rules = ((values.lifecycleRules ?? []) as { condition: Fields }[]).map((rule) => ({
    ...rule,
    condition: { ...rule.condition, withState: "ANY" },
  }));
  return {
    id: name,
    values: {
      ...values,
      ...(rules.length > 0 && { lifecycleRules: rules }),
      project: known.project ?? google.configuration.project,
    },
  };
}

async function empty(google: Google, state: Fields): Promise<void> {
  const path = `${expand(BUCKET, state)}/o`;
  for (;;) {
    const { items } = await google.call("storage", "GET", path, { query: { versions: "true" } });
    const objects = Array.isArray(items) ? items.filter(isFields) : [];
    if (objects.length === 0) return;
    for (const { name, generation } of objects) {
      const query = { generation: String(generation) };
      await absent(google.call("storage", "DELETE", `${path}/${encodeURIComponent(String(name))}`, { query }));
    }
  }
}

const storageBucket: ResourceType = {
  token: "gcp:storage/bucket:Bucket",
  properties: bucket,
  idForms: ["{name}", "{project}/{name}"],
  parseId: (id) => {
    const [name, project, ...rest] = id.split("/").reverse();
    return rest.length > 0 ? undefined : { name, ...(project !== undefined && { project }) };
  },
  create: async (google, inputs) => {
    const query = { project: String(inputs.project) };
    const made = await google.call("storage", "POST", "b", { query, body: bucketBody(inputs) });
    return liveBucket(google, inputs, await google.call("storage", "GET", expand(BUCKET, { ...made, ...inputs })));
  },
  read: (google, _id, known) => readBucket(google, known),
  update: async (google, _id, { before, after, changed }) => {
    // A patch updates the fields in it; null removes a field.
    const resource = bucketBody(after);
    const body: Fields = {};
    for (const name of changed.filter((each) => !bucket[each]?.own)) {
      const field = restField(bucket, name);
      body[field] = resource[field] ?? null;
    }
    if (isFields(before.labels) && changed.includes("labels")) {
      const gone = Object.keys(before.labels).map((label) => [label, null] as const);
      body.labels = { ...Object.fromEntries(gone), ...(isFields(after.labels) && after.labels) };
    }
    await google.call("storage", "PATCH", expand(BUCKET, after), { body });
    return liveBucket(google, after, await google.call("storage", "GET", expand(BUCKET, after)));
  },
  delete: async (google, _id, state) => {
    if (state.forceDestroy === true) await empty(google, state);
    try {
      await google.call("storage", "DELETE", expand(BUCKET, state));
    } catch (error) {
      if (!(error instanceof GoogleApiError && error.code === 409)) throw error;
      throw new Error(`${error.message} Delete its objects, or set forceDestroy to true and update first.`, {
        cause: error,
      });
    }
  },
};

function bucketBody(inputs: Fields): Fields {
  return { ...toRest(bucket, inputs), location: String(inputs.location).toUpperCase() };
}

const storageObject: Properties = {
  bucket: replacing(required(text)),
  name: { ...replacing(text), autoname: true },
  content: apart(text),
  source: apart(asset),
  // The hash of the content at the last upload.
  detectMd5hash: { ...apart(defaulting("different hash", text)), same: () => true },
  contentType: computed(replacing(text)),
  cacheControl: replacing(text),
  contentDisposition: replacing(text),
  contentEncoding: replacing(text),
  contentLanguage: replacing(text),
  storageClass: computed(replacing(text)),
  metadata: map,
  eventBasedHold: flag,
  temporaryHold: flag,
  kmsKeyName: computed(replacing(text)),
  deletionPolicy,
  crc32c: changing(text),
  generation: changing(int64),
  md5hash: named("md5Hash", changing(text)),
  md5hexhash: changing(text),
  mediaLink: changing(text),
  outputName: named("name", output(text)),
  selfLink: output(text),
};

const objectPath = (values: Fields): string =>
  `${expand("b/{bucket}/o", values)}/${encodeURIComponent(String(values.name))}`;

async function readObject(google: Google, known: Fields): Promise<Live | undefined> {
  const resource = await google.find("storage", objectPath(known));
  return resource && liveObject(resource, known);
}

function liveObject(resource: Fields, known: Fields): Live {
  const values = fromRest(storageObject, resource);
  const md5 = Buffer.from(stringOf(resource.md5Hash), "base64").toString("hex");
  // The hash reveals whether the content has been replaced since the upload.
  const replaced = known.md5hash !== undefined && known.md5hash !== values.md5hash;
  return {
    id: `${String(resource.bucket)}-${String(resource.name)}`,
    values: {
      ...values,
      detectMd5hash: values.md5hash,
      md5hexhash: md5,
      ...(replaced && { content: undefined, source: undefined }),
    },
  };
}

async function upload(google: Google, inputs: Fields): Promise<Live> {
  const content = await contentOf(inputs);
  const metadata = toRest(storageObject, inputs);
  await google.upload(String(inputs.bucket), String(inputs.name), metadata, content);
  const resource = await google.call("storage", "GET", objectPath(inputs));
  const md5hash = createHash("md5").update(content).digest("base64");
  return liveObject(resource, { md5hash });
}

/** A path is relative to the working directory, which is the command's. */
async function contentOf({ content, source }: Fields): Promise<Buffer> {
  if (typeof content === "string") return Buffer.from(content);
  if (isAsset(source) && source.text !== undefined) return Buffer.from(source.text);
  if (isAsset(source) && source.path !== undefined) return readFile(source.path);
  throw new Error(
    'A bucket object needs "content" or "source"; the stand-in supports StringAsset and FileAsset as source.',
  );
}

const bucketObject: ResourceType = {
  token: "gcp:storage/bucketObject:BucketObject",
  properties: storageObject,
  create: upload,
  read: (google, _id, known) => readObject(google, known),
  update: (google, _id, { after }) => upload(google, after),
  delete: (google, _id, state) => google.call("storage", "DELETE", objectPath(state)),
};

export const storageTypes: readonly ResourceType[] = [storageBucket, bucketObject];
