import { checksum, type Migration } from "../../infra/migrations/files.ts";
import { changeScript } from "../../infra/migrations/script.ts";
import { statementsOf } from "../../infra/migrations/statements.ts";

/** The oracle's history `copied-rows` applies such a file; here is what is refused, and which lines statements have. */

const texts = async (sql: string) => (await statementsOf(sql)).map(({ line, text }) => [line, text]);

test("a COPY becomes an INSERT for each hundred rows, on their lines", async () => {
  const rows = Array.from({ length: 201 }, (_, n) => `${n}\tx\n`).join("");
  const found = await texts(`SELECT 1;\nCOPY public.t (id, "a, b") FROM stdin;\n${rows}\\.\nSELECT 2;\n`);
  expect(found.map(([line]) => line)).toEqual([1, 3, 103, 203, 205]);
  expect(found[3]).toEqual([203, `INSERT INTO public.t (id, "a, b") OVERRIDING SYSTEM VALUE VALUES ('200', 'x')`]);
});

test.each([
  ["a\\\\b", "E'a\\\\b'"],
  ["a\\tb\\nc", "E'a\tb\\nc'"],
  ["it's", "'it''s'"],
  ["\\N", "NULL"],
  ["\\\\N", "E'\\\\N'"],
  ["", "''"],
  ["\\x41\\101\\q", "'AAq'"],
  ["ü😀\r", "'ü😀'"],
])("the value %j is %s", async (value, literal) => {
  const [, [, text] = []] = await texts(`SELECT 1;\nCOPY t (a) FROM stdin;\n${value}\n\\.\n`);
  expect(text).toBe(`INSERT INTO t (a) OVERRIDING SYSTEM VALUE VALUES (${literal})`);
});

test.each([
  ["COPY t (a, b) FROM stdin;\n1\t2\n1\n\\.\n", ":4: the row has 1 values for 2 columns."],
  ["COPY t (a) FROM stdin;\n\\xff\n\\.\n", ":3: \\xff is no character of its own in UTF-8."],
  ["COPY t FROM stdin;\n1\n\\.\n", ":3: syntax error"],
  [
    "COPY t (a) FROM stdin;\n",
    ":2: Of COPY, only COPY table (columns) FROM stdin; with its rows below can be imported.",
  ],
])("%j is refused with its line", async (sql, message) => {
  const text = `-- migrate:up\n${sql}-- migrate:down\nSELECT 1;\n`;
  const migration: Migration = {
    version: "20260101000000",
    file: "20260101000000_a.sql",
    text,
    checksum: checksum(text),
  };
  const script = changeScript({ up: [migration], down: [], user: "u", logins: ["u"] });
  await expect(script).rejects.toThrow(`migrations/20260101000000_a.sql${message}`);
});
