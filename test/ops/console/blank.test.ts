import { Blank } from "../../../ops/console/blank.ts";

const PASSWORD = "Zq3fT9wLk2Vn8RbYx5Jm7Hd4s";
const STRING = `postgresql+asyncpg://settlement_user:${PASSWORD}@/settlement_db?host=/cloudsql/fusion-prime:us-central1:db`;

test("replaces a connection string and its password in every form, and passwords in any URL", () => {
  const blank = new Blank();
  blank.learn(STRING);
  const forms = [STRING, PASSWORD, encodeURIComponent(STRING), Buffer.from(STRING).toString("base64")];
  for (const form of forms) expect(blank.text(`before ${form} after`)).toBe("before [secret] after");
  expect(blank.text("postgres://user:unknown@host/db")).toBe("postgres://user:[secret]@host/db");
  expect(blank.text(JSON.stringify({ a: "http://127.0.0.1:4510/run" }))).toBe('{"a":"http://127.0.0.1:4510/run"}');
});

test("replaces the verifier of a password, which PostgreSQL logs", () => {
  const line = `ALTER ROLE "a" PASSWORD 'SCRAM-SHA-256$4096:1EiHO4Z+/g==$IhbJzmP/d=:9fkyY+/ZIo='`;
  expect(new Blank().text(line)).toBe(`ALTER ROLE "a" PASSWORD '[secret]'`);
});

test("ignores an empty value", () => {
  const blank = new Blank();
  blank.learn("");
  expect(blank.text("text")).toBe("text");
});
