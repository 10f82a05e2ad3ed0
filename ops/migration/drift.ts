import { asJson, catalog, differences } from "../../infra/migrations/catalog.ts";
import type { Migration } from "../../infra/migrations/files.ts";
import type { Provisions } from "../../infra/migrations/provisions.ts";
import { UserError } from "../terminal/user-error.ts";
import { ScratchDatabase } from "./scratch.ts";

/** The differences between a live schema and what the applied versions make. */
export interface SchemaDrift {
  /** How the live schema was read, as a sentence. */
  readonly source: string;
  /** In words, such as `table orders: column note is missing`. */
  readonly differences: readonly string[];
}

/** Where the bucket holds the scripts of imports that only compare. */
export const DRIFT_FOLDER = "/drift/";

export const BY_LOGIN = "Read by a login.";

/**
 * The applied versions among the files of a checkout.
 * @param applied Checksum by version; null if dbmate applied it.
 * @throws UserError if one is missing or was edited.
 */
export function appliedFiles(
  files: readonly Migration[],
  applied: ReadonlyMap<string, string | null>,
): readonly Migration[] {
  return [...applied].sort().map(([version, sum]) => {
    const file = files.find((each) => each.version === version);
    if (!file)
      throw new UserError(
        `Version ${version} is applied but missing in this checkout; compare with one that includes it.`,
      );
    if (sum !== null && sum !== file.checksum) {
      throw new UserError(
        `migrations/${file.file} was edited after it was applied; compare with a checkout that has it unchanged.`,
      );
    }
    return file;
  });
}

/**
 * The applied repeatable files among those of a checkout.
 * @param applied Checksum by file.
 * @throws UserError if one is missing or has changed since.
 */
export function appliedRepeatables(
  files: readonly Migration[],
  applied: ReadonlyMap<string, string>,
): readonly Migration[] {
  return [...applied].sort().map(([name, sum]) => {
    const found = files.find(({ checksum, file }) => file === name && checksum === sum);
    if (found) return found;
    throw new UserError(
      `migrations/${name} has changed since it was applied; compare with a checkout that has it unchanged.`,
    );
  });
}

/** A version's file in a checkout. @throws UserError if it has none. */
export function fileOf(files: readonly Migration[], version: string): Migration {
  const file = files.find((each) => each.version === version);
  if (!file) throw new UserError(`There is no version ${version} in migrations/.`);
  return file;
}

const made = new Map<string, Promise<string>>();

/**
 * What versions make in an empty database: the rows of {@link catalog}, as JSON. Applied once in a process.
 * @param provisions The declared extensions and schemas.
 * @param repeatables The repeatable files; none by default.
 */
export function madeBy(
  migrations: readonly Migration[],
  { extensions, schemas }: Provisions,
  repeatables: readonly Migration[] = [],
): Promise<string> {
  const texts = [...migrations, ...repeatables].map((migration) => migration.checksum);
  const key = JSON.stringify([extensions, schemas, texts]);
  const known = made.get(key) ?? apply(migrations, { extensions, schemas }, repeatables);
  made.set(key, known);
  return known;
}

async function apply(
  migrations: readonly Migration[],
  provisions: Provisions,
  repeatables: readonly Migration[],
): Promise<string> {
  const scratch = new ScratchDatabase();
  try {
    await scratch.start(provisions);
    await scratch.apply(migrations, { repeatables });
    return await scratch.connected(async (client) => {
      await client.query("SET search_path = public");
      const { rows } = await client.query<{ made: string }>(`SELECT (${asJson(catalog())})::text AS made`);
      return rows[0]?.made ?? "[]";
    });
  } finally {
    await scratch.remove();
  }
}

/** Lists the differences of a database; `$1` is the expected schema, from {@link madeBy}, and the search path `public`. */
export const DIFFERENCES = differences("$1::jsonb", catalog());
