import type { Migration } from "./files.ts";
import { quote, VERSIONS } from "./steps.ts";

/** The versions that a file replaces, with their checksums: its lines `-- squash: VERSION CHECKSUM`. */
export function squashedIn(text: string): Readonly<Record<string, string>> {
  const lines = [...text.matchAll(/^-- squash: (\d{14}) ([0-9a-f]{64})\r?$/gm)];
  return Object.fromEntries(lines.map(([, version = "", checksum = ""]) => [version, checksum]));
}

/** The lines that {@link squashedIn} reads. */
export function squashLines(migrations: readonly Pick<Migration, "version" | "checksum">[]): string {
  return migrations.map(({ version, checksum }) => `-- squash: ${version} ${checksum}`).join("\n");
}

/**
 * SQL that records a squash where the database has all versions that it replaces, as they were, so that it is not run. With
 * none of them it is a version like any other.
 */
export function recognised({ checksum, file, text, version }: Migration): string {
  const squashed = Object.entries(squashedIn(text));
  if (squashed.length === 0) return "";
  const list = (values: readonly string[]) => `ARRAY[${values.map(quote).join(", ")}]::text[]`;
  return `DO $squash$
DECLARE
  versions CONSTANT text[] := ${list(squashed.map(([each]) => each))};
  checksums CONSTANT text[] := ${list(squashed.map(([, each]) => each))};
  found int;
BEGIN
  SELECT count(*) INTO found FROM ${VERSIONS} applied JOIN unnest(versions, checksums) AS squashed(version, checksum) USING (version)
    WHERE coalesce(applied.checksum, squashed.checksum) = squashed.checksum;
  IF found = cardinality(versions) THEN
    DELETE FROM ${VERSIONS} WHERE version = ANY (versions) AND version <> ${quote(version)};
    UPDATE ${VERSIONS} SET checksum = ${quote(checksum)} WHERE version = ${quote(version)};
  ELSIF EXISTS (SELECT FROM ${VERSIONS} WHERE version = ANY (versions) AND checksum IS DISTINCT FROM ${quote(checksum)}) THEN
    RAISE EXCEPTION 'migrations/${file} replaces % versions, but the database has % of them as they were', cardinality(versions), found
      USING HINT = 'Deploy the checkout from before the squash first.';
  END IF;
END
$squash$;`;
}
