import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { GoogleError } from "../../rest/errors.ts";
import { isFields } from "../../rest/fields.ts";
import { type Access, fullName, type Resource } from "../../iam/access.ts";
import type { Binding, Policies } from "../../iam/policies.ts";
import type { PolicyRequests } from "../../iam/requests.ts";
import { page } from "../../rest/pages.ts";
import type { Projects } from "../../server/projects.ts";
import type { Api } from "../../server/server.ts";
import type { Collection, Store } from "../../state/store.ts";
import { type Bucket, newBucket, patchedBucket, replacedBucket } from "./bucket.ts";
import { listObjects, type ListQuery } from "./listing.ts";
import { type Metadata, readMetadata, type StorageObject } from "./object.ts";
import { Objects } from "./objects.ts";
import { parseMultipart } from "./multipart.ts";
import { checkPreconditions, type Preconditions } from "./preconditions.ts";

const SERVICE = "storage.googleapis.com";
/** https://cloud.google.com/storage/docs/json_api/v1/buckets/list */
const PAGE_LIMIT = 1000;
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

  routes(app: FastifyInstance): void {
    this.bucketRoutes(app);
    this.objectRoutes(app);
    // The body of an upload is not parsed, whatever its content type.
    app.register((uploads, _options, done) => {
      uploads.removeAllContentTypeParsers();
      uploads.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, parsed) => {
        parsed(null, body);
      });
      this.uploadRoute(uploads);
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

    // The official provider asks with a slash at the end.
    for (const path of ["anywhereCaches", "anywhereCaches/"]) {
      app.get<{ Params: Params }>(`${one}/${path}`, onBucket("storage.anywhereCaches.list"), ({ params }) => {
        this.bucket(params.bucket);
        return { kind: "storage#anywhereCaches" };
      });
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
      return { kind: "storage#policy", resourceId: resource.name, ...this.iam.set(resource, body) };
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
    app.get<{ Params: Params; Querystring: Query }>(
      one,
      onObject("storage.objects.get"),
      ({ params, query }, reply) => {
        const object = this.object(params, query);
        return query.alt === "media" ? this.download(reply, object) : object;
      },
    );
    app.get<{ Params: Params; Querystring: Query }>(
      `/download${one}`,
      onObject("storage.objects.get"),
      ({ params, query }, reply) => this.download(reply, this.object(params, query)),
    );
    app.patch<{ Params: Params; Querystring: Query }>(
      one,
      onObject("storage.objects.update"),
      ({ params, query, body }) => this.objects.patch(this.object(params, query), body),
    );
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

  private uploadRoute(uploads: FastifyInstance): void {
    uploads.post<{ Params: Params; Querystring: Query; Body: unknown }>(
      "/upload/storage/v1/b/:bucket/o",
      { config: { ...OPEN, resource: (request) => this.bucketResource((request.params as Params).bucket) } },
      ({ params: { bucket }, query, headers, body, caller }) => {
        const sent = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
        const { metadata, bytes } = readUpload(query.uploadType, headers["content-type"], sent);
        const name = query.name ?? metadata.name;
        if (name === undefined) throw new GoogleError("INVALID_ARGUMENT", "Required parameter: name", "required");
        const resource = this.objectResource(bucket, name);
        this.access.require(caller, "storage.objects.create", resource);
        if (this.objects.live(bucket, name)) this.access.require(caller, "storage.objects.delete", resource);
        return this.objects.insert(bucket, name, metadata, bytes, this.versioned(bucket), query);
      },
    );
  }

  private object({ bucket, object }: Params, query: Query): StorageObject {
    const found = this.objects.get(bucket, object, query.generation);
    checkPreconditions(found, query);
    return found;
  }

  private download(reply: FastifyReply, object: StorageObject) {
    return reply
      .headers({
        "content-type": object.contentType,
        etag: object.etag,
        "x-goog-generation": object.generation,
        "x-goog-metageneration": object.metageneration,
        "x-goog-storage-class": object.storageClass,
        "x-goog-hash": `crc32c=${object.crc32c},md5=${object.md5Hash}`,
      })
      .send(this.objects.bytes(object));
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
function readUpload(type: string | undefined, contentType: string | undefined, body: Buffer) {
  if (type === "media") return { metadata: (contentType ? { contentType } : {}) as Metadata, bytes: body };
  if (type !== "multipart") {
    throw new GoogleError("INVALID_ARGUMENT", `The embedded cloud has no upload of type "${type ?? ""}".`, "invalid");
  }
  const [description, content, ...rest] = parseMultipart(contentType ?? "", body) ?? [];
  if (!description || !content || rest.length > 0) {
    throw new GoogleError("INVALID_ARGUMENT", "Malformed multipart body.", "badRequest");
  }
  const metadata = readMetadata(parseJson(description.body));
  const { contentType: fallback } = content;
  return { metadata: fallback === undefined ? metadata : { contentType: fallback, ...metadata }, bytes: content.body };
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
