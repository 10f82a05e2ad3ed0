import type { ResourceHook } from "@pulumi/pulumi";
import { keepsPassword } from "../../infra/adoption/adopt.ts";
import { reachingOutside } from "../../infra/adoption/outside.ts";
import { parseConfig } from "../../infra/config.ts";
import { CONFIG, declare, named } from "./declared.ts";

const adopt = { instance: "fusion-prime-db-a504713e", credential: "3", step: 1 };
const names = async (change: Record<string, unknown>) => (await declare(change)).resources.map(({ name }) => name);
const baseline = { baseline: "20251025120100" };

test("declares neither secret versions nor the schema in the first steps, and uses the existing version", async () => {
  const { resources } = await declare({ adopt });
  const declared = resources.map(({ name }) => name);
  expect(declared).not.toContain("settlement-db-connection-string-version");
  expect(declared).not.toContain("settlement-schema");
  expect(declared).toContain("settlement-cloudsql-client-by-hand");
  expect(JSON.stringify(named(resources, "settlement-service").inputs)).toContain('"version":"3"');
});

test("creates a credential at once if none works", async () => {
  expect(await names({ adopt: { ...adopt, credential: "replace" } })).toContain(
    "settlement-db-connection-string-version",
  );
});

test("creates missing tables at once, and does not import a missing binding", async () => {
  const declared = await names({ adopt: { ...adopt, missing: ["tables", "client"] } });
  expect(declared).toContain("settlement-schema");
  expect(declared).not.toContain("settlement-cloudsql-client-by-hand");
});

test("deletes the manually created binding and adopts the schema in the last step", async () => {
  const declared = await names({ adopt: { ...adopt, step: 3 }, schema: baseline });
  expect(declared).not.toContain("settlement-cloudsql-client-by-hand");
  expect(declared).toContain("settlement-schema");
});

test("creates a version in the first rotation, and leaves the manually created one out of the stack", async () => {
  const declared = await names({ adopt: { ...adopt, step: 3 }, schema: baseline, rotation: { step: 1 } });
  expect(declared.filter((name) => name.startsWith("settlement-db-connection-string-version"))).toEqual([
    "settlement-db-connection-string-version-1",
  ]);
});

test("protects the manually created password until the first rotation has replaced it", async () => {
  await declare({ adopt }); // sets up the store of hooks
  const hooks = (more: object) => keepsPassword(parseConfig({ ...CONFIG, ...more })).hooks?.beforeUpdate ?? [];
  const counts = [{}, { rotation: { step: 1 } }, { rotation: { step: 2 } }, { adopt }, { environment: "local" }];
  expect(counts.map((more) => hooks(more).length)).toEqual([1, 1, 0, 0, 0]);
  const { callback, opts } = hooks({})[0] as ResourceHook;
  const login = { urn: "urn", id: "id", name: "settlement-user", type: "gcp:sql/user:User" };
  expect(opts).toEqual({ onDryRun: true });
  expect(() => callback({ ...login, oldInputs: {} })).toThrow("Leave settlement:adopt in the configuration until");
  expect(() => callback({ ...login, oldInputs: { password: "p" } })).not.toThrow();
});

test("rejects a rotation before the schema is adopted, unless the tables are missing", () => {
  const at = (more: object) => () =>
    parseConfig({ ...CONFIG, rotation: { step: 1 }, schema: baseline, adopt: { ...adopt, ...more } });
  expect(at({ step: 2 })).toThrow("settlement:rotation.step is 1; expected 0 before step 3 of adoption");
  expect(at({ step: 3 })).not.toThrow();
  expect(at({ step: 2, missing: ["tables"] })).not.toThrow();
});

test.each([
  [{ ...adopt, instance: "other-db-a504713e" }, "settlement:adopt.instance is"],
  [{ ...adopt, missing: ["connectionStringSecret"] }, "settlement:adopt.credential is"],
  [{ ...adopt, step: 3 }, "settlement:schema.baseline is missing"],
  [{ ...adopt, step: 4 }, "settlement:adopt.step is 4"],
])("rejects the configuration %j", (wrong, sentence) => {
  expect(() => parseConfig({ ...CONFIG, adopt: wrong })).toThrow(sentence);
});

test.each([
  "COMMENT ON COLUMN s.k IS 'public.s';",
  "COMMENT ON TABLE s IS 'public.s';",
  "INSERT INTO s VALUES ('public.s');",
  "UPDATE s SET k = 'x' WHERE s.k = 'public.s';",
  "SELECT pg_catalog.now(), s.k FROM s JOIN information_schema.tables t ON t.table_name = s.k;",
  "ALTER TABLE s ADD CONSTRAINT c CHECK (s.k <> '');",
  "CREATE TRIGGER t BEFORE UPDATE ON s FOR EACH ROW EXECUTE FUNCTION f();",
  "DROP TRIGGER t ON s;",
  "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.k := OLD.k; RETURN NEW; END $$;",
  "CREATE TYPE mood AS ENUM ('public.a');",
  "SET lock_timeout = '1s';",
  "DROP TABLE s, r;",
])("adoption runs %s", async (sql) => {
  const text = `-- migrate:up\n${sql}\n-- migrate:down\nSELECT 1;\n`;
  expect(await reachingOutside([{ version: "1", file: "1_x.sql", text, checksum: "" }])).toEqual([]);
});

test.each([
  "CREATE TYPE public.mood AS ENUM ('a');",
  "CREATE DOMAIN public.name AS text;",
  "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1';",
  "DROP FUNCTION public.f();",
  "DROP INDEX app.s_k;",
  "DROP TRIGGER t ON public.s;",
  "CREATE TRIGGER t BEFORE UPDATE ON public.s FOR EACH ROW EXECUTE FUNCTION f();",
  "ALTER TYPE public.mood ADD VALUE 'b';",
  "CREATE TABLE r (id int REFERENCES public.s (id));",
  "MERGE INTO public.s USING r ON true WHEN MATCHED THEN DELETE;",
  "COPY public.s TO STDOUT;",
  "SELECT public.f();",
  "GRANT SELECT ON public.s TO settlement_user;",
  "ALTER TABLE s SET SCHEMA public;",
  "SET SESSION AUTHORIZATION settlement_user;",
])("adoption does not run %s", async (sql) => {
  const text = `-- migrate:up\nSELECT 1;\n\n${sql}\n-- migrate:down\nSELECT 1;\n`;
  const migration = { version: "1", file: "1_x.sql", text, checksum: "" };
  expect(await reachingOutside([migration])).toMatchObject([{ file: "1_x.sql", line: 4 }]);
});
