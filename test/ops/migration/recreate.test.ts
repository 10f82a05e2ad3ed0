import { asJson, catalog } from "../../../infra/migrations/catalog.ts";
import { checksum, type Migration } from "../../../infra/migrations/files.ts";
import { LOGINS } from "../../../infra/names.ts";
import { type Described, recreateScript } from "../../../ops/migration/recreate.ts";
import { ScratchDatabase } from "../../../ops/migration/scratch.ts";

jest.setTimeout(60_000);

const TEXT = `-- migrate:up
CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "Odd name" text NOT NULL DEFAULT 'it''s');
CREATE TABLE items (
  id serial PRIMARY KEY,
  order_id bigint NOT NULL REFERENCES orders (id),
  price numeric(38, 18) CHECK (price > 0),
  twice numeric GENERATED ALWAYS AS (price * 2) STORED
);
CREATE UNIQUE INDEX items_by_order ON items (order_id, lower(price::text)) WHERE price > 1;
-- migrate:down
DROP TABLE items, orders;
`;
const VERSION: Migration = {
  ...{ version: "20260101000000", file: "20260101000000_orders.sql", text: TEXT },
  checksum: checksum(TEXT),
};

test("creates missing tables as the versions make them, leaves the others with their rows, and lets the logins use them", async () => {
  const scratch = new ScratchDatabase();
  try {
    await scratch.start();
    await scratch.apply([VERSION]);
    const rows = await scratch.connected(async (client) => {
      await client.query("SET search_path = public");
      const answer = await client.query<{ made: Described[] }>(`SELECT (${asJson(catalog())}) AS made`);
      return answer.rows[0]?.made ?? [];
    });
    const whole = await scratch.describe();
    const script = recreateScript(rows, [VERSION], LOGINS);
    for (const missing of ["items", "items, orders"]) {
      await scratch.query(`DROP TABLE ${missing}`);
      await scratch.query("DELETE FROM schema_migrations");
      if (missing === "items") await scratch.query("INSERT INTO orders DEFAULT VALUES");
      await scratch.import(script);
      expect(await scratch.describe()).toBe(whole);
      expect(await scratch.query("SELECT count(*)::int AS orders FROM orders")).toEqual([
        { orders: missing === "items" ? 1 : 0 },
      ]);
      expect(await scratch.query("SELECT version, checksum FROM schema_migrations")).toEqual([
        { version: VERSION.version, checksum: VERSION.checksum },
      ]);
    }
    // The logins, and the role that owns the tables.
    await scratch.query("REVOKE settlement_owner FROM settlement_user, settlement_user_b CASCADE");
    await scratch.query("ALTER ROLE settlement_user_b NOLOGIN VALID UNTIL '2025-10-25' CONNECTION LIMIT 0");
    await scratch.import(script);
    const logins = `SELECT rolvaliduntil::text AS until, rolconnlimit AS most, rolcanlogin AS enters, pg_has_role(oid, 'settlement_owner', 'USAGE') AS owns
      FROM pg_roles WHERE rolname LIKE 'settlement_user%' ORDER BY rolname`;
    expect(await scratch.query(logins)).toEqual([
      { until: null, most: -1, enters: true, owns: true },
      { until: "infinity", most: -1, enters: true, owns: true },
    ]);
    await scratch.query("DROP OWNED BY settlement_owner; DROP ROLE settlement_owner");
    await scratch.import(script);
    expect(await scratch.describe()).toBe(whole);
  } finally {
    await scratch.remove();
  }
});

test("refuses what it cannot create, before anything changes", () => {
  const rows = [
    { object: "table orders", part: "", form: "" },
    { object: "table orders", part: "partition key", form: "RANGE (id)" },
  ];
  expect(() => recreateScript(rows, [VERSION], LOGINS)).toThrow(
    "The table orders has a partition key, which this command cannot create.",
  );
});
