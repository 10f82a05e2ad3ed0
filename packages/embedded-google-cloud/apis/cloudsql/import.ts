import { gunzipSync } from "node:zlib";
import { GoogleError } from "../../rest/errors.ts";
import { type Fields, isFields } from "../../rest/fields.ts";
import type { Instances } from "./instances.ts";
import { type Operation, OperationError, type Operations } from "./operations.ts";
import { ADMIN, roleExists, SUPERUSER } from "./roles.ts";
import { invalid } from "./invalid.ts";
import { refuseOnReplica } from "./replica-rules.ts";

/** Reads objects of Cloud Storage on behalf of a member. */
export interface ObjectReader {
  /** @throws GoogleError NOT_FOUND or PERMISSION_DENIED. */
  readObject(bucket: string, name: string, member: string): Buffer;
}

/**
 * Imports a SQL file from a bucket: the instance's service account reads it, and `importUser` (by default
 * `cloudsqlsuperuser`) runs it.
 * @returns The operation; its error is psql's message.
 * @throws GoogleError if the file cannot be read.
 */
export function importFile(
  instances: Instances,
  operations: Operations,
  objects: ObjectReader,
  request: { project: string; instance: string; body: unknown; caller: string },
): Operation {
  const { project, instance: name, body, caller } = request;
  const instance = instances.requireRunning(project, name);
  refuseOnReplica(instance);
  const { importContext: context } = body as Fields;
  if (!isFields(context)) throw invalid("importContext is missing");
  const { uri, database, fileType = "SQL", importUser } = context;
  if (fileType !== "SQL") throw invalid(`the file type ${JSON.stringify(fileType)} cannot be imported here, only SQL`);
  if (typeof database !== "string" || database === "") throw invalid("importContext.database is missing");
  const user = typeof importUser === "string" && importUser !== "" ? importUser : SUPERUSER;
  const script = read(objects, uri, `serviceAccount:${instance.serviceAccountEmailAddress}`);
  return operations.begin(
    {
      ...instances.target("IMPORT", instance, caller),
      context: { importContext: { ...context, kind: "sql#importContext", fileType } },
    },
    async () => {
      const cluster = await instances.running(project, name);
      const known = user !== ADMIN && (await cluster.asAdmin((client) => roleExists(client, user)));
      if (!known) throw new OperationError("ERROR_RDBMS", `psql: error: FATAL:  role "${user}" does not exist`);
      await cluster.runScript(database, user, script).catch((error: unknown) => {
        throw new OperationError("ERROR_RDBMS", (error as Error).message);
      });
    },
  );
}

function read(objects: ObjectReader, uri: unknown, member: string): string {
  const [, bucket, name] = /^gs:\/\/([^/]+)\/(.+)$/.exec(typeof uri === "string" ? uri : "") ?? [];
  if (!bucket || !name) throw invalid("importContext.uri is not of the form gs://BUCKET/OBJECT");
  let bytes: Buffer;
  try {
    bytes = objects.readObject(bucket, name, member);
  } catch (error) {
    if (!(error instanceof GoogleError)) throw error;
    if (error.status === "PERMISSION_DENIED") {
      throw new GoogleError(
        "PRECONDITION_FAILED",
        "The service account does not have the required permissions for the bucket.",
        "gcsBucketPermissionDenial",
      );
    }
    throw new GoogleError(error.status, `${error.message} (gs://${bucket}/${name})`, error.reason);
  }
  if (!name.endsWith(".gz")) return bytes.toString("utf8");
  try {
    return gunzipSync(bytes).toString("utf8");
  } catch {
    throw invalid(`gs://${bucket}/${name} is not in gzip format`);
  }
}
