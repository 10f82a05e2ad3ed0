import { join } from "node:path";
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { Google, GoogleError, OperationError } from "../../infra/google.ts";
import { catalog, differences } from "../../infra/migrations/catalog.ts";
import { checksum, type Migration, readRepeatables } from "../../infra/migrations/files.ts";
import { patience, type SchemaState } from "../../infra/migrations/importer.ts";
import { quote, VERSIONS } from "../../infra/migrations/steps.ts";
import { endpointsOf } from "../engine/endpoints.ts";
import { readStackFile, ROOT } from "../engine/stack-file.ts";
import { tokenOf } from "../engine/token.ts";
import { UserError } from "../terminal/user-error.ts";
import { appliedFiles, appliedRepeatables, DRIFT_FOLDER, madeBy, type SchemaDrift } from "./drift.ts";
import { importScript } from "./import-script.ts";
import { appliedSchema } from "./status.ts";

export const BY_IMPORT = "Read by an import that changed nothing; --socket DIR reads by a login.";

/**
 * Compares a stack's live schema with what the versions in its state make.
 * @param files The migrations of this checkout.
 * @param repeatables The repeatable migrations of this checkout.
 * @param google By default with the caller's token and the stack's endpoints.
 * @throws UserError if the stack has no schema, an applied version is not in this checkout, or the caller may not import.
 */
export async function driftByImport(
  stack: Stack,
  files: readonly Migration[],
  google = googleOf(stack),
  repeatables = readRepeatables(join(ROOT, "migrations")),
): Promise<SchemaDrift> {
  const schema = (await appliedSchema(stack))?.outputs;
  if (!schema) throw new UserError(`Stack "${stack.name}" has no schema yet.`);
  const applied = new Map(schema.migrations.map((migration) => [migration.version, migration.checksum]));
  const wanted = await madeBy(appliedFiles(files, applied), schema, repeatablesIn(schema, repeatables));
  try {
    return { source: BY_IMPORT, differences: await differencesByImport(google, schema, wanted) };
  } catch (error) {
    if (!(error instanceof GoogleError && [401, 403].includes(error.status ?? 0))) throw error;
    throw new UserError(
      `The schema of ${stack.name} cannot be compared: ${error.message}. An import needs roles/cloudsql.editor on the project ` +
        "and roles/storage.objectUser on the migrations bucket; a login needs --socket DIR.",
    );
  }
}

/**
 * The repeatable files as a stack applied them. Its state does not list them while a version is pinned: then those of the checkout.
 * @param files The repeatable files of the checkout.
 * @throws UserError if one is missing or has changed since.
 */
export function repeatablesIn({ repeatables, target }: SchemaState, files: readonly Migration[]): readonly Migration[] {
  if (repeatables === undefined) return target === undefined ? [] : files;
  return appliedRepeatables(files, new Map(repeatables.map(({ checksum, file }) => [file, checksum])));
}

/** With the endpoints and the token that the stack's providers use. */
function googleOf(stack: Stack): Google {
  const endpoints = endpointsOf(readStackFile(stack.name, stack.workspace.workDir).config ?? {});
  return new Google(endpoints, {
    patience: (error, call) => (error.status === 403 ? 0 : patience(error, call)),
    token: tokenOf(stack),
  });
}

/** What separates the differences in an error of PostgreSQL, and ends the list; no name contains it. */
const SEPARATOR = " ;50b0f2; ";

/** Longest list in an error, in characters: Google does not document how much of an error it returns. */
const LONGEST = 2000;

/** Most imports for one list. */
const MOST_IMPORTS = 5;

/**
 * Lists the differences by imports that change nothing: the script only reads, and raises an error with the differences,
 * because an import returns no rows. Cloud SQL's executeSql would, but the instance must allow it, and it needs a login of
 * the caller by IAM or a password in a regional secret; a stack has neither.
 * @param wanted The expected schema, from {@link madeBy}.
 * @throws UserError if the database has other versions; GoogleError if the caller may not upload or import; OperationError as the import fails.
 */
export async function differencesByImport(google: Google, schema: SchemaState, wanted: string): Promise<string[]> {
  const versions = schema.migrations.map(({ version }) => version).join(", ") || "none";
  const found: string[] = [];
  for (let imports = 0; imports < MOST_IMPORTS; imports++) {
    const message = await failing(google, schema, script(versions, wanted, found.length));
    if (message === undefined) return found;
    const { left, total } = message;
    found.push(...left);
    if (found.length >= total) return found;
    if (left.length === 0 || imports === MOST_IMPORTS - 1) found.push(`and ${total - found.length} more`);
    if (left.length === 0) return found;
  }
  return found;
}

/**
 * @param versions The versions that the database must have.
 * @param from How many differences to skip.
 */
function script(versions: string, wanted: string, from: number): string {
  return `BEGIN READ ONLY;
SET LOCAL search_path = public;
SET LOCAL settlement.wanted = ${quote(wanted)};
DO $drift$
DECLARE
  total bigint;
  list text;
BEGIN
  SELECT coalesce(string_agg(version, ', ' ORDER BY version), 'none') INTO list FROM ${VERSIONS};
  IF list <> ${quote(versions)} THEN RAISE EXCEPTION 'its versions are %${SEPARATOR}', list; END IF;
  SELECT max(number), string_agg(difference, '${SEPARATOR}' ORDER BY number) FILTER (WHERE number > ${from} AND (number = ${from + 1} OR length < ${LONGEST}))
    INTO total, list
    FROM (SELECT *, sum(length(difference)) FILTER (WHERE number > ${from}) OVER (ORDER BY number) AS length
            FROM (SELECT difference, row_number() OVER () AS number
                    FROM (${differences("current_setting('settlement.wanted')::jsonb", catalog())}) differing) numbered) measured;
  IF total > 0 THEN
    RAISE EXCEPTION 'the schema has % differences: %${SEPARATOR}', total, list;
  END IF;
END
$drift$;
ROLLBACK;
`;
}

/** Imports a script. @returns The differences in its error; undefined if it succeeded. */
async function failing(
  google: Google,
  schema: SchemaState,
  text: string,
): Promise<{ left: string[]; total: number } | undefined> {
  const { bucket, database } = schema;
  const name = `${DRIFT_FOLDER.slice(1)}${checksum(text).slice(0, 12)}.sql`;
  try {
    await importScript(google, schema, name, text);
    return undefined;
  } catch (error) {
    if (!(error instanceof OperationError)) throw error;
    const [, versions] = new RegExp(`its versions are (.*)${SEPARATOR}`).exec(error.message) ?? [];
    if (versions !== undefined) {
      throw new UserError(`${database} has the versions ${versions}, which the stack's state does not: update first.`);
    }
    const list = listIn(error.message);
    if (!list) throw error;
    return list;
  } finally {
    await google
      .call({
        api: "storage",
        method: "DELETE",
        as: "text",
        path: `b/${encodeURIComponent(bucket)}/o/${encodeURIComponent(name)}`,
      })
      .catch((error: unknown) => {
        if (!(error instanceof GoogleError)) throw error; // a lifecycle rule or the next comparison removes it
      });
  }
}

/** The differences in an error's text; only whole ones if Google cut it. */
function listIn(message: string): { left: string[]; total: number } | undefined {
  const [, total, list = ""] = /the schema has (\d+) differences: ([^]*)/.exec(message) ?? [];
  if (total === undefined) return undefined;
  return { total: Number(total), left: list.split(SEPARATOR).slice(0, -1) };
}
