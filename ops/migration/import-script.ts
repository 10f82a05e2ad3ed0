import type { Google } from "../../infra/google.ts";
import type { SchemaState } from "../../infra/migrations/importer.ts";

/**
 * Uploads a script to the migrations bucket and imports it into a stack's database, as the login that migrates.
 * @param object Its name in the bucket.
 * @throws GoogleError if the caller may not upload or import; OperationError as the import fails.
 */
export async function importScript(
  google: Google,
  { bucket, database, instance, project, user }: SchemaState,
  object: string,
  text: string,
): Promise<void> {
  const query = `uploadType=media&name=${encodeURIComponent(object)}`;
  const upload = `../../upload/storage/v1/b/${encodeURIComponent(bucket)}/o?${query}`;
  await google.call({ api: "storage", path: upload, body: text, contentType: "application/sql" });
  const uri = `gs://${bucket}/${object}`;
  const importContext = { kind: "sql#importContext", fileType: "SQL", uri, database, importUser: user };
  const path = `projects/${project}/instances/${instance}/import`;
  await google.operate({ api: "sql", path, body: { importContext } });
}
