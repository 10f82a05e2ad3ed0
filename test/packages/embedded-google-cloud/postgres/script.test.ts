import { ScriptError, statementsOf } from "../../../../packages/embedded-google-cloud/postgres/script.ts";

const texts = (script: string) => [...statementsOf(script)].map(({ text }) => text);

test.each([
  ["", []],
  [";;\n ;", []],
  ["-- only a comment;\n/* and; another */", []],
  ["SELECT 1; SELECT 2", ["SELECT 1;", "SELECT 2"]],
  ["SELECT ';', \";\", E'\\';', $$;$$, $a$;$$;$a$;", ["SELECT ';', \";\", E'\\';', $$;$$, $a$;$$;$a$;"]],
  ["CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2);", 1],
  ["CREATE PROCEDURE p() BEGIN ATOMIC SELECT 1; SELECT CASE 1 WHEN 1 THEN 2 END; END; SELECT 3;", 2],
  ["BEGIN; SELECT 1; END;", 3],
  ["SELECT a$1, $1; SELECT 2;", 2],
  ["\\restrict abc\nSELECT 1;\n\\unrestrict abc\n", ["SELECT 1;"]],
  ["SELECT 'never ends; SELECT 2;", 1],
])("%j", (script, expected) => {
  const found = texts(script);
  if (typeof expected === "number") expect(found).toHaveLength(expected);
  else expect(found).toEqual(expected);
});

test("a statement has the line on which it ends", () => {
  const lines = [...statementsOf("-- one\n\nSELECT\n  1;\nSELECT 2; SELECT '\n';\n\nSELECT 3\n")].map(
    ({ line }) => line,
  );
  expect(lines).toEqual([4, 5, 6, 8]);
});

test.each(["\\i other.sql", "COPY t (a) FROM STDIN; SELECT 1;\n1\n\\.\n"])("refuses %j", (script) => {
  expect(() => texts(script)).toThrow(ScriptError);
});

test.each([
  ["COPY t (a) FROM STDIN;\n1\n2;'\n\\.\nSELECT 1;", "1\n2;'\n", 2],
  ["copy t from stdin with (format csv) ; \r\n1\r\n\\.\r\nSELECT 1;", "1\r\n", 2],
  ["COPY t FROM /* ; */ stdin -- ;\n;\n\\.\n", "", 1],
  ["COPY t FROM stdin;\n1\n\\.x\n", "1\n\\.x\n", 1],
  ["COPY (SELECT a FROM stdin) TO stdout;\n", undefined, 1],
  ["COPY stdin FROM '/file';\n", undefined, 1],
])("%j has the rows %j", (script, rows, count) => {
  const found = [...statementsOf(script)];
  expect([found[0]?.rows, found.length]).toEqual([rows, count]);
});

test("reads a long statement in one pass", () => {
  const value = "it''s; -- no /* end */ $$ \\".repeat(50_000);
  expect(texts(`INSERT INTO t VALUES ('${value}', E'${value}\\', a$b$, $1); SELECT 1;`)).toHaveLength(2);
});
