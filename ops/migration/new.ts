import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../terminal/user-error.ts";
import { momentOf, versionAt, versionOf } from "../lint/form.ts";

/** Longest name, in characters. */
const LONGEST = 60;

const TEXT = `-- migrate:up

-- migrate:down
`;

/**
 * Creates an empty migration, newer than every other in the folder.
 * @param folder The folder of migrations.
 * @param name What it does, such as `add_fee`.
 * @param now The time that becomes its version.
 * @returns The file's name.
 * @throws UserError if the name is not allowed.
 */
export function newMigration(folder: string, name: string, now: Date): string {
  if (!/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(name) || name.length > LONGEST) {
    throw new UserError(
      `"${name}" cannot name a migration. Use lower case letters, digits and underscores, starting with a letter, ` +
        `at most ${LONGEST} characters, such as add_fee.`,
    );
  }
  const newest = readdirSync(folder)
    .flatMap((file) => versionOf(file) ?? [])
    .sort()
    .at(-1);
  const moment = Math.max(now.getTime(), newest === undefined ? 0 : momentOf(newest) + 1000);
  const file = `${versionAt(moment)}_${name}.sql`;
  writeFileSync(join(folder, file), TEXT, { flag: "wx" });
  return file;
}
