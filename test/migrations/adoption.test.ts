import { checksum, type Migration } from "../../infra/migrations/files.ts";
import { changeScript } from "../../infra/migrations/script.ts";
import { LOGINS } from "../../infra/names.ts";
import { ScratchDatabase } from "../../ops/migration/scratch.ts";

/** Adoption's comparison of manually created objects with the migrations; import.test.ts adopts on the embedded cloud. */

const scratch = new ScratchDatabase();
beforeAll(() => scratch.start());
afterAll(() => scratch.remove());

/** Every kind of object that a file can make. */
const UP = `
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE DOMAIN percent AS int DEFAULT 0 CHECK (VALUE <= 100);
CREATE TYPE pair AS (x int, m mood);
CREATE TYPE period AS RANGE (subtype = date);
CREATE SEQUENCE counter START 5;
CREATE FUNCTION next_code(m mood) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'c' || m::text $$;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE PROCEDURE tidy() LANGUAGE sql AS 'SELECT 1';
CREATE TABLE parent (
  id serial PRIMARY KEY,
  number bigint GENERATED ALWAYS AS IDENTITY,
  feeling mood NOT NULL DEFAULT 'good',
  code text DEFAULT next_code('bad'),
  share percent,
  pairs pair[],
  doubled int GENERATED ALWAYS AS (length('ab')) STORED,
  UNIQUE (code)
);
CREATE TABLE child (
  id int PRIMARY KEY DEFAULT nextval('counter'),
  parent int NOT NULL REFERENCES parent (id),
  amount numeric CHECK (amount > 0),
  UNIQUE (id, parent)
);
CREATE INDEX child_amount ON child (amount) WHERE amount > 10;
CREATE VIEW feelings AS WITH c (id, first, amount) AS (SELECT * FROM child)
  SELECT p.feeling, count(*) FROM parent p JOIN c USING (id) JOIN parent q USING (id, number) GROUP BY 1;
CREATE MATERIALIZED VIEW totals AS SELECT sum(amount) FROM child;
CREATE TRIGGER touched BEFORE UPDATE OF parent, amount ON child FOR EACH ROW EXECUTE FUNCTION touch('a', 'b');
ALTER TABLE child ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON child FOR SELECT USING (amount > 0);
CREATE TABLE parts (a int) PARTITION BY RANGE (a);
CREATE TABLE part_one PARTITION OF parts FOR VALUES FROM (0) TO (10);
`;

const VERSION = "20260101000000";
const text = `-- migrate:up\n${UP}\n-- migrate:down\nSELECT 1;\n`;
const MIGRATION: Migration = { version: VERSION, file: `${VERSION}_all.sql`, text, checksum: checksum(text) };

let databases = 0;

/** Creates the same objects manually, changes them, and adopts them. @returns The database's name. */
async function adopt(change = ""): Promise<string> {
  const database = `adopted_${++databases}`;
  await scratch.create(database);
  await scratch.import(`${UP}\n${change}`, database);
  const [user] = LOGINS;
  const script = await changeScript({ up: [MIGRATION], down: [], user, logins: LOGINS, baseline: VERSION });
  await scratch.import(script, database);
  return database;
}

test("identical objects of every kind are adopted, with their rows, and belong to the owner's role", async () => {
  const database = await adopt("INSERT INTO parent (code) VALUES ('a'); INSERT INTO child VALUES (1, 1, 20);");
  const rows = "SELECT p.code, p.id, c.amount::int FROM child c JOIN parent p ON p.id = c.parent";
  expect(await scratch.query(rows, database)).toEqual([{ code: "a", id: 1, amount: 20 }]);
  expect(await scratch.query("SELECT version, checksum FROM schema_migrations", database)).toEqual([
    { version: VERSION, checksum: MIGRATION.checksum },
  ]);
  const owners = `SELECT DISTINCT pg_get_userbyid(owner)::text AS owner FROM (
      SELECT relowner, relnamespace FROM pg_class 
      UNION ALL SELECT proowner, pronamespace FROM pg_proc WHERE probin IS NULL AND prolang <> 12
      UNION ALL SELECT typowner, typnamespace FROM pg_type) everything (owner, namespace)
    WHERE namespace = 'public'::regnamespace`;
  expect(await scratch.query(owners, database)).toEqual([{ owner: "settlement_owner" }]);
});

test.each([
  ["ALTER TABLE child DROP CONSTRAINT child_pkey", "table child: constraint child_pkey is missing"],
  ["ALTER TABLE parent DROP CONSTRAINT parent_code_key", "table parent: constraint parent_code_key is missing"],
  ["ALTER TABLE child DROP CONSTRAINT child_parent_fkey", "table child: constraint child_parent_fkey is missing"],
  [
    "ALTER TABLE child DROP CONSTRAINT child_amount_check, ADD CONSTRAINT child_amount_check CHECK (amount > 1)",
    "table child: constraint child_amount_check is CHECK (amount > 1::numeric), expected CHECK (amount > 0::numeric)",
  ],
  ["DROP INDEX child_amount", "table child: index child_amount is missing"],
  ["CREATE INDEX extra ON child (parent)", "table child: index extra was created manually"],
  [
    "DROP INDEX child_amount; CREATE INDEX child_amount ON child (amount)",
    "table child: index child_amount is USING btree (amount), expected USING btree (amount) WHERE amount > 10::numeric",
  ],
  ["DROP VIEW feelings", "view feelings is missing"],
  ["CREATE OR REPLACE VIEW feelings AS SELECT feeling, 1::bigint AS count FROM parent", "view feelings differs"],
  ["DROP PROCEDURE tidy", "procedure tidy() is missing"],
  [
    "CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "function touch() differs from the migrations",
  ],
  ["DROP TRIGGER touched ON child", "table child: trigger touched is missing"],
  ["ALTER SEQUENCE counter INCREMENT 2", "sequence counter is bigint from 5 by 2"],
  ["ALTER SEQUENCE parent_id_seq CYCLE", "table parent: sequence parent_id_seq is integer from 1 by 1"],
  ["DROP POLICY mine ON child", "table child: policy mine is missing"],
  ["ALTER TABLE child DISABLE ROW LEVEL SECURITY", "table child: row level security is missing"],
  ["ALTER TYPE mood ADD VALUE 'ugly'", "type mood is enum ('good', 'bad', 'ugly'), expected enum ('good', 'bad')"],
  ["ALTER DOMAIN percent SET DEFAULT 1", "domain percent is integer default 1, expected integer default 0"],
  ["ALTER TABLE parent ALTER code SET DEFAULT 'x'", "table parent: column code is text default 'x'::text, expected"],
  ["ALTER TABLE parent ADD extra int", "table parent: column extra was created manually"],
  ["DROP TABLE part_one", "table part_one is missing"],
])("%s is refused", async (change, difference) => {
  await expect(adopt(change)).rejects.toThrow(difference);
});
