import type { Client } from "pg";
import { catalog } from "../../infra/migrations/catalog.ts";

/**
 * Describes the schema of a database, see {@link catalog}.
 * @returns One paragraph per object.
 */
export async function describeSchema(client: Client): Promise<string> {
  await client.query("SELECT set_config('search_path', 'public', false)");
  const { rows } = await client.query<{ object: string; part: string; form: string }>(
    `SELECT object, part, form FROM (${catalog()}) described ORDER BY section, object COLLATE "C", place, part COLLATE "C"`,
  );
  const paragraphs = Map.groupBy(rows, ({ object }) => object);
  return [...paragraphs]
    .map(([object, parts]) => {
      const lines = parts.flatMap(({ part, form }) => `${part} ${form}`.trim().split("\n"));
      return [object, ...lines.filter((line) => line !== "").map((line) => `  ${line}`)].join("\n") + "\n";
    })
    .join("\n");
}
