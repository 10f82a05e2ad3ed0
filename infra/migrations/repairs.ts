import type { PlannedMigration } from "./resource.ts";
import { quote, VERSIONS } from "./steps.ts";

/** A version that counts as applied by decision, with the checksum of its file; written by `npm run migration -- repair`. */
export interface Repair {
  readonly version: string;
  /** SHA-256 of the file at that time, in hex. */
  readonly checksum: string;
  readonly by: string;
  /** Such as `2026-11-27 21:00:00 UTC`. */
  readonly at: string;
  readonly why: string;
}

/** The table in which an import records each repair, once. */
export const REPAIRS_TABLE = "schema_repairs";

/** Whether a repair allows a file to differ from the applied one. */
export function isRepaired(repairs: readonly Repair[] = [], { checksum, version }: PlannedMigration): boolean {
  return repairs.some((repair) => repair.version === version && repair.checksum === checksum);
}

/**
 * SQL that records repairs, each once: what happens to the version later is not undone.
 * @param repairs All of the configuration.
 * @param up The versions that the script sends; a repair of another file has no effect.
 */
export function repaired(repairs: readonly Repair[] = [], up: readonly PlannedMigration[]): string[] {
  const due = repairs.filter((repair) => up.some((migration) => isRepaired([repair], migration)));
  if (due.length === 0) return [];
  return [
    `CREATE TABLE IF NOT EXISTS public.${REPAIRS_TABLE} (
  version varchar(128), checksum varchar(64), former varchar(64), by text, at timestamp with time zone, why text,
  PRIMARY KEY (version, at)
);`,
    ...due.map(({ at, by, checksum, version, why }) => {
      const [v, c, b, t, w] = [version, checksum, by, at, why].map(quote);
      return `DO $repair$
BEGIN
  INSERT INTO public.${REPAIRS_TABLE} (version, checksum, former, by, at, why)
    VALUES (${v}, ${c}, (SELECT checksum FROM ${VERSIONS} WHERE version = ${v}), ${b}, ${t}, ${w}) ON CONFLICT DO NOTHING;
  IF FOUND THEN
    INSERT INTO ${VERSIONS} (version, checksum) VALUES (${v}, ${c}) ON CONFLICT (version) DO UPDATE SET checksum = ${c};
  END IF;
END
$repair$;`;
    }),
  ];
}
