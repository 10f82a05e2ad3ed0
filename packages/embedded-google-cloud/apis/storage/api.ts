import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { GoogleError } from "../../rest/errors.ts";
import { isFields } from "../../rest/fields.ts";
import { type Access, fullName, type Resource } from "../../iam/access.ts";
import type { Binding, Policies } from "../../iam/policies.ts";
import type { PolicyRequests } from "../../iam/requests.ts";
import { page, type PageQuery } from "../../rest/pages.ts";
import type { Projects } from "../../server/projects.ts";
import type { Api } from "../../server/server.ts";
import type { Collection, Store } from "../../state/store.ts";
import { type Bucket, newBucket, patchedBucket, replacedBucket } from "./bucket.ts";
import { download } from "./download.ts";
import { listObjects, type ListQuery } from "./listing.ts";
import { type Metadata, readMetadata, type StorageObject } from "./object.ts";
import { Objects } from "./objects.ts";
import { parseMultipart } from "./multipart.ts";
import { checkPreconditions, conditionNotMet, isUnchanged, type Preconditions } from "./preconditions.ts";
import { type Draft, withSums } from "./uploads.ts";

const SERVICE = "storage.googleapis.com";
/** https://cloud.google.com/storage/docs/json_api/v1/buckets/list */
const PAGE_LIMIT = 1000;
/** The managed folders and caches of every bucket; a list of them is paged only to refuse what Google refuses. */
const NONE: readonly string[] = [];
/** What a copy takes over, unless its request says otherwise. */
const COPIED = "metadata cacheControl contentDisposition contentEncoding contentLanguage contentType".split(" ");
/** 5 TiB: https://cloud.google.com/storage/quotas#objects */
const MAX_OBJECT = 5 * 1024 ** 4;
const OPEN = { service: SERVICE, legacyErrors: true, anonymous: true };

interface Params {
  bucket: string;
  object: string;
}
type Query = Preconditions & Record<string, string | undefined>;

/** Cloud Storage v1, JSON. Bucket names are global across projects. */
export class Storage implements Api {
  private readonly buckets: Collection<Bucket>;
  private readonly objects: Objects;
  private readonly projects: Projects;
  private readonly access: Access;
  private readonly policies: Policies;
  private readonly iam: PolicyRequests;

  constructor(store: Store, projects: Projects, access: Access, policies: Policies, iam: PolicyRequests) {
    this.projects = projects;
    this.access = access;
    this.policies = policies;
    this.iam = iam;
    this.buckets = store.collection("storage-buckets");
    this.objects = new Objects(store);
  }

  /**
   * Reads an object's bytes on behalf of a member.
   * @param name The object's name, with its slashes unescaped.
   * @param member Such as `serviceAccount:EMAIL`; needs `storage.objects.get`.
   * @throws GoogleError NOT_FOUND for the bucket or the object; PERMISSION_DENIED.
   */
  readObject(bucket: string, name: string, member: string): Buffer {
    this.access.require(member, "storage.objects.get", this.objectResource(bucket, name));
    return this.objects.bytes(this.objects.get(bucket, name));
  }

  /** The location of a bucket, such as `US-CENTRAL1`; undefined if it does not exist. */
  locationOf(bucket: string): string | undefined {
    return this.buckets.get(bucket)?.location;
  }

  routes(app: FastifyInstance): void {
    this.bucketRoutes(app);
    this.objectRoutes(app);
    // The body of an upload is not parsed, whatever its content type.
    app.register((uploads, _options, done) => {
      uploads.removeAllContentTypeParsers();
      uploads.addContentTypeParser("*", (_request, body, parsed) => {
        parsed(null, body);
      });
      this.uploadRoutes(uploads);
      done();
    });
  }

  private bucketRoutes(app: FastifyInstance): void {
    const inProject = (permission: string) => ({
      config: { ...OPEN, permission, resource: (request: FastifyRequest) => this.projectOf(request) },
    });
    app.post<{ Querystring: Query }>("/storage/v1/b", inProject("storage.buckets.create"), ({ query, body }) => {
      const number = this.projects.number(query.project ?? "");
      const bucket = newBucket(number, body);
      const taken = this.buckets.get(bucket.name);
      if (taken) throw new GoogleError("ALREADY_EXISTS", takenMessage(taken.projectNumber === number), "conflict");
      this.buckets.put(bucket.name, bucket);
      const bindings = firstBindings(this.projects.id(query.project ?? ""));
      this.policies.set(fullName(this.bucketResource(bucket.name)), { bindings });
      return bucket;
    });
    app.get<{ Querystring: Query }>("/storage/v1/b", inProject("storage.buckets.list"), ({ query }) => {
      const number = this.projects.number(query.project ?? "");
      const prefix = query.prefix ?? "";
      const all = this.buckets
        .values()
        .filter(({ projectNumber, name }) => projectNumber === number && name.startsWith(prefix));
      const { maxResults: pageSize, pageToken } = query;
      const { items, ...rest } = page(all, ({ name }) => name, { pageSize, pageToken }, PAGE_LIMIT);
      return { kind: "storage#buckets", ...(items.length > 0 && { items }), ...rest };
    });

    const one = "/storage/v1/b/:bucket";
    const onBucket = (permission: string) => {
      const resource = ({ params }: FastifyRequest) => this.bucketResource((params as Params).bucket);
      return { config: { ...OPEN, permission, resource } };
    };
    app.get<{ Params: Params; Querystring: Query }>(one, onBucket("storage.buckets.get"), ({ params, query }) => {
      const bucket = this.bucket(params.bucket);
      checkPreconditions(bucket, query);
      return bucket;
    });
    for (const [method, change] of [
      ["PATCH", patchedBucket],
      ["PUT", replacedBucket],
    ] as const) {
      app.route<{ Params: Params; Querystring: Query }>({
        method,
        url: one,
        ...onBucket("storage.buckets.update"),
        handler: ({ params, query, body }) => {
          const bucket = this.bucket(params.bucket);
          checkPreconditions(bucket, query);
          return this.buckets.put(bucket.name, change(bucket, body));
        },
      });
    }
    app.delete<{ Params: Params; Querystring: Query }>(
      one,
      onBucket("storage.buckets.delete"),
      ({ params, query }, reply) => {
        const { name, ...bucket } = this.bucket(params.bucket);
        checkPreconditions(bucket, query);
        if (this.objects.list(name, true).length > 0) {
          throw new GoogleError("ALREADY_EXISTS", "The bucket you tried to delete is not empty.", "conflict");
        }
        this.policies.delete(fullName(this.bucketResource(name)));
        this.buckets.delete(name);
        return noContent(reply);
      },
    );

    app.get<{ Params: Params }>(`${one}/storageLayout`, onBucket("storage.objects.list"), ({ params }) => {
      const { location, locationType, name: bucket } = this.bucket(params.bucket);
      return { kind: "storage#storageLayout", bucket, location, locationType };
    });
    app.get<{ Params: Params; Querystring: PageQuery & { prefix?: string } }>(
      `${one}/managedFolders`,
      onBucket("storage.managedFolders.list"),
      ({ params, query: { pageSize, pageToken, prefix = "" } }) => {
        this.bucket(params.bucket);
        const found = NONE.filter((name) => name.startsWith(prefix));
        page(found, String, { pageSize, pageToken }, PAGE_LIMIT);
        return { kind: "storage#managedFolders" };
      },
    );
    // The official provider asks with a slash at the end.
    for (const path of ["anywhereCaches", "anywhereCaches/"]) {
      app.get<{ Params: Params; Querystring: PageQuery }>(
        `${one}/${path}`,
        onBucket("storage.anywhereCaches.list"),
        ({ params, query }) => {
          this.bucket(params.bucket);
          page(NONE, String, query, PAGE_LIMIT);
          return { kind: "storage#anywhereCaches" };
        },
      );
    }
    app.get<{ Params: Params; Querystring: Query }>(
      `${one}/iam`,
      onBucket("storage.buckets.getIamPolicy"),
      ({ params, query }) => {
        const resource = this.bucketResource(params.bucket);
        const policy = this.iam.get(resource, query.optionsRequestedPolicyVersion);
        return { kind: "storage#policy", resourceId: resource.name, ...policy };
      },
    );
    app.put<{ Params: Params }>(`${one}/iam`, onBucket("storage.buckets.setIamPolicy"), ({ params, body }) => {
      const resource = this.bucketResource(params.bucket);
      refusePublicMembers(this.bucket(params.bucket), body);
      try {
        return { kind: "storage#policy", resourceId: resource.name, ...this.iam.set(resource, body) };
      } catch (error) {
        // Other APIs answer 409 if the policy's etag is not the current one.
        throw error instanceof GoogleError && error.status === "ABORTED" ? conditionNotMet() : error;
      }
    });
    app.get<{ Params: Params; Querystring: { permissions?: string | string[] } }>(
      `${one}/iam/testPermissions`,
      { config: OPEN },
      ({ params, query, caller }) => ({
        kind: "storage#testIamPermissionsResponse",
        ...this.iam.test(caller, this.bucketResource(params.bucket), query.permissions),
      }),
    );
  }

  private objectRoutes(app: FastifyInstance): void {
    const onObject = (permission: string) => {
      const resource = ({ params }: FastifyRequest) => {
        const { bucket, object } = params as Params;
        return this.objectResource(bucket, object);
      };
      return { config: { ...OPEN, permission, resource } };
    };
    const all = "/storage/v1/b/:bucket/o";
    app.get<{ Params: Params; Querystring: ListQuery & { versions?: string } }>(
      all,
      {
        config: {
          ...OPEN,
          permission: "storage.objects.list",
          resource: (request) => this.bucketResource((request.params as Params).bucket),
        },
      },
      ({ params, query }) => listObjects(this.objects.list(params.bucket, query.versions === "true"), query),
    );

    const one = `${all}/:object`;
    app.get<{ Params: Params; Querystring: Query }>(one, onObject("storage.objects.get"), (request, reply) => {
      const { params, query, headers } = request;
      const object = this.objects.get(params.bucket, params.object, query.generation);
      if (isUnchanged(object, query, headers["if-none-match"])) return reply.code(304).send();
      checkPreconditions(object, query);
      return query.alt === "media" ? download(this.objects, object, request, reply) : object;
    });
    app.get<{ Params: Params; Querystring: Query }>(
      `/download${one}`,
      onObject("storage.objects.get"),
      (request, reply) => download(this.objects, this.object(request.params, request.query), request, reply),
    );
    app.patch<{ Params: Params; Querystring: Query }>(
      one,
      onObject("storage.objects.update"),
      ({ params, query, body }) => this.objects.patch(this.object(params, query), body),
    );
    // Rewrites are copies that a client may continue; here one call is always enough.
    for (const verb of ["copyTo", "rewriteTo"]) {
      app.post<{ Params: Params & { to: string; name: string }; Querystring: Query }>(
        `${one}/${verb}/b/:to/o/:name`,
        onObject("storage.objects.get"),
        async (request) => {
          const { params, query, body } = request;
          const source = this.objects.get(params.bucket, params.object, query.sourceGeneration);
          const kept = Object.entries(source).filter(([field]) => COPIED.includes(field));
          const wanted = { ...Object.fromEntries(kept), ...readMetadata(body), name: params.name };
          const draft = this.draft(params.to, wanted, request);
          const resource = await this.objects.insert(draft, this.objects.stream(source), this.versioned(params.to));
          if (verb === "copyTo") return resource;
          const { size } = resource;
          return { kind: "storage#rewriteResponse", totalBytesRewritten: size, objectSize: size, done: true, resource };
        },
      );
    }
    app.delete<{ Params: Params; Querystring: Query }>(
      one,
      onObject("storage.objects.delete"),
      ({ params, query }, reply) => {
        const object = this.object(params, query);
        if (query.generation === undefined) this.objects.deleteLive(object, this.versioned(params.bucket));
        else this.objects.deleteGeneration(object);
        return noContent(reply);
      },
    );
  }

  private uploadRoutes(uploads: FastifyInstance): void {
    // apitools, and so gcloud, begins resumable uploads at a path of their own.
    for (const root of ["", "/resumable"]) this.uploadRoutesAt(`${root}/upload/storage/v1/b/:bucket/o`, uploads);
  }

  private uploadRoutesAt(path: string, uploads: FastifyInstance): void {
    uploads.post<{ Params: Params; Querystring: Query; Body: unknown }>(
      path,
      {
        config: { ...OPEN, resource: (request) => this.bucketResource((request.params as Params).bucket) },
        bodyLimit: MAX_OBJECT,
      },
      async (request, reply) => {
        const { query, headers, params } = request;
        const body = bytesOf(request);
        const draft = (metadata: Metadata) => this.draft(params.bucket, metadata, request);
        const versioned = this.versioned(params.bucket);
        const contentType = headers["content-type"];
        if (query.uploadType === "media") {
          return this.objects.insert(draft(contentType ? { contentType } : {}), body, versioned);
        }
        const sent = await buffer(body);
        if (query.uploadType === "multipart") {
          const { metadata, bytes } = readParts(contentType, sent);
          return this.objects.insert(draft(metadata), bytes, versioned);
        }
        if (query.uploadType !== "resumable") {
          const problem = `The embedded cloud has no upload of type "${query.uploadType ?? ""}".`;
          throw new GoogleError("INVALID_ARGUMENT", problem, "invalid");
        }
        const described = sent.length > 0 ? readMetadata(parseJson(sent)) : {};
        const type = headers["x-upload-content-type"];
        const id = await this.objects.uploads.begin(
          draft({ ...(type && { contentType: String(type) }), ...described }),
        );
        const { pathname } = new URL(request.url, "http://x");
        const location = `http://${headers.host ?? ""}${pathname}?uploadType=resumable&upload_id=${id}`;
        return reply.headers({ location, "x-guploader-uploadid": id }).send();
      },
    );
    // The id in the address is enough to continue the upload.
    const options = { config: { legacyErrors: true, anonymous: true }, bodyLimit: MAX_OBJECT };
    uploads.put<{ Params: Params; Querystring: Query; Body: unknown }>(path, options, async (request, reply) => {
      const { uploads: sessions } = this.objects;
      const id = request.query.upload_id ?? "";
      const draft = sessions.get(id);
      if (!(await sessions.take(id, request.headers["content-range"], bytesOf(request)))) {
        const length = sessions.length(id);
        return reply
          .code(308)
          .headers(length > 0 ? { range: `bytes=0-${length - 1}` } : {})
          .send();
      }
      const object = await this.objects.finish(withSums(draft, request.headers), id, this.versioned(draft.bucket));
      sessions.end(id);
      return object;
    });
    uploads.delete<{ Params: Params; Querystring: Query }>(path, options, ({ query }, reply) => {
      this.objects.cancel(query.upload_id ?? "");
      return reply.code(499).send(); // as documented
    });
  }

  /** The object that an upload creates, if the caller may create it. */
  private draft(bucket: string, metadata: Metadata, { query, headers, caller }: FastifyRequest): Draft {
    const name = (query as Query).name ?? metadata.name;
    if (name === undefined) throw new GoogleError("INVALID_ARGUMENT", "Required parameter: name", "required");
    const resource = this.objectResource(bucket, name);
    this.access.require(caller, "storage.objects.create", resource);
    if (this.objects.live(bucket, name)) this.access.require(caller, "storage.objects.delete", resource);
    return withSums({ bucket, name, metadata, preconditions: query as Query }, headers);
  }

  private object({ bucket, object }: Params, query: Query): StorageObject {
    const found = this.objects.get(bucket, object, query.generation);
    checkPreconditions(found, query);
    return found;
  }

  private bucket(name: string): Bucket {
    const bucket = this.buckets.get(name);
    if (!bucket) throw new GoogleError("NOT_FOUND", "The specified bucket does not exist.", "notFound");
    return bucket;
  }

  private versioned(bucket: string): boolean {
    return this.bucket(bucket).versioning?.enabled === true;
  }

  private projectOf(request: FastifyRequest): Resource {
    const { project } = request.query as Query;
    if (project === undefined) throw new GoogleError("INVALID_ARGUMENT", "Required parameter: project", "required");
    const id = this.projects.id(project);
    return { project: id, service: SERVICE, type: `${SERVICE}/Bucket`, name: `projects/${id}` };
  }

  private bucketResource(bucket: string): Resource {
    return {
      project: this.projects.id(this.bucket(bucket).projectNumber),
      service: SERVICE,
      type: `${SERVICE}/Bucket`,
      name: `projects/_/buckets/${bucket}`,
    };
  }

  private objectResource(bucket: string, object: string): Resource {
    const container = this.bucketResource(bucket);
    return { ...container, type: `${SERVICE}/Object`, name: `${container.name}/objects/${object}` };
  }
}

/**
 * The first policy of a bucket: only these bindings give the basic roles of its project access to it.
 * https://cloud.google.com/storage/docs/access-control/iam-roles#basic-roles-modifiable
 */
function firstBindings(project: string): Binding[] {
  const owners = [`projectEditor:${project}`, `projectOwner:${project}`];
  const viewers = [`projectViewer:${project}`];
  return [
    { role: "roles/storage.legacyBucketOwner", members: owners },
    { role: "roles/storage.legacyBucketReader", members: viewers },
    { role: "roles/storage.legacyObjectOwner", members: owners },
    { role: "roles/storage.legacyObjectReader", members: viewers },
  ];
}

/** The metadata and bytes of an upload in one request. */
function readParts(contentType: string | undefined, body: Buffer) {
  const [description, content, ...rest] = parseMultipart(contentType ?? "", body) ?? [];
  if (!description || !content || rest.length > 0) {
    throw new GoogleError("INVALID_ARGUMENT", "Malformed multipart body.", "badRequest");
  }
  const metadata = readMetadata(parseJson(description.body));
  const { contentType: fallback } = content;
  return { metadata: fallback === undefined ? metadata : { contentType: fallback, ...metadata }, bytes: content.body };
}

function bytesOf({ body }: FastifyRequest): Readable {
  return body instanceof Readable ? body : Readable.from([]);
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    throw new GoogleError("INVALID_ARGUMENT", "Metadata part is not valid JSON.", "parseError");
  }
}

/** https://cloud.google.com/storage/docs/public-access-prevention */
function refusePublicMembers(bucket: Bucket, policy: unknown): void {
  if (bucket.iamConfiguration.publicAccessPrevention !== "enforced") return;
  const bindings = isFields(policy) && Array.isArray(policy.bindings) ? policy.bindings : [];
  const members = bindings.flatMap((binding: unknown) => (isFields(binding) ? binding.members : []));
  if (members.includes("allUsers") || members.includes("allAuthenticatedUsers")) {
    throw new GoogleError(
      "PRECONDITION_FAILED",
      "The member bindings allUsers and allAuthenticatedUsers are not allowed since public access prevention is enforced.",
      "conditionNotMet",
    );
  }
}

function takenMessage(own: boolean): string {
  return own
    ? "Your previous request to create the named bucket succeeded and you already own it."
    : "The requested bucket name is not available. The bucket namespace is shared by all users of the system. " +
        "Please select a different name and try again.";
}

function noContent(reply: FastifyReply) {
  return reply.code(204).send();
}
