import {
  formatConnectionName,
  formatConnectionString,
  isRegion,
  parseConnectionName,
  parseConnectionString,
  regionOfZone,
} from "../../infra/connection.ts";

const NAME = { project: "fusion-prime", region: "us-central1", instance: "fusion-prime-db-a504713e" };
const TEXT = "fusion-prime:us-central1:fusion-prime-db-a504713e";

test("parses and formats a connection name", () => {
  expect(parseConnectionName(TEXT)).toEqual({ ok: true, value: NAME });
  expect(formatConnectionName(NAME)).toBe(TEXT);
});

test("accepts a domain-scoped project", () => {
  const text = "example.com:fusion-prime:europe-west3:db";
  const parsed = parseConnectionName(text);
  expect(parsed).toEqual({
    ok: true,
    value: { project: "example.com:fusion-prime", region: "europe-west3", instance: "db" },
  });
  expect(parsed.ok && formatConnectionName(parsed.value)).toBe(text);
});

test.each([
  [
    "fusion-prime:us-central1-a:db",
    'the connection name carries the zone "us-central1-a" where the region belongs: use "fusion-prime:us-central1:db"',
  ],
  ["fusion-prime:us-central1", "has 2 parts"],
  ["fusion-prime", "has 1 part;"],
  ["fusion-prime:us-central1:db:x", "has 4 parts"],
  ["fusion-prime::db", "has an empty region"],
  [":us-central1:db", "has an empty project"],
  ["fusion-prime:us-central1:", "has an empty instance"],
  ["fusion-prime:us-central1:db ", "contains blanks"],
  ["Fusion-Prime:us-central1:db", "contains upper case letters"],
  ["fusion-prime:somewhere:db", "has a middle part that is not a region"],
  ["fp:us-central1:db", "begins with something that is not a project id"],
  ["fusion-prime:us-central1:-db", "ends with something that is not an instance name"],
  ["", "has 1 part"],
  ["app:us-central1-a:db", "carries a zone where the region belongs; expected"],
])("rejects the connection name '%s', which %s", (text, sentence) => {
  const parsed = parseConnectionName(text);
  expect(parsed).toEqual({ ok: false, problem: expect.stringContaining(sentence) as string });
});

test("refuses to format a zone in place of a region", () => {
  expect(() => formatConnectionName({ ...NAME, region: "us-central1-a" })).toThrow("where the region belongs");
});

test.each(["us-central1", "northamerica-northeast2", "europe-west10", "me-central2"])("%s is a region", (region) => {
  expect(isRegion(region)).toBe(true);
  expect(regionOfZone(`${region}-b`)).toBe(region);
  expect(isRegion(`${region}-b`)).toBe(false);
});

describe("connection strings", () => {
  const parts = {
    driver: "postgresql+asyncpg",
    user: "settlement_user",
    password: "aB3",
    database: "settlement_db",
    instance: NAME,
  };
  const text = `postgresql+asyncpg://settlement_user:aB3@/settlement_db?host=/cloudsql/${TEXT}`;

  test("have the form that the brief requires", () => {
    expect(formatConnectionString(parts)).toBe(text);
    expect(parseConnectionString(text)).toEqual({ ok: true, value: parts });
  });

  test("support any password", () => {
    const odd = { ...parts, password: "p@:/?#%é" };
    expect(parseConnectionString(formatConnectionString(odd))).toEqual({ ok: true, value: odd });
  });

  test.each([
    ["sqlite:///settlement.db", 'uses the driver "sqlite", which is not PostgreSQL'],
    ["", "does not have the expected form"],
    [text.replace("us-central1", "us-central1-a"), "where the region belongs"],
    [text.replace("/cloudsql/", "/tmp/"), "has a host that is not below /cloudsql"],
    [text.replace("aB3", "%zz"), "contains an invalid percent-encoding"],
    [text.replace("settlement_user:aB3@", "settlement_user@"), "does not have the expected form"],
  ])("are rejected as %s: %s", (broken, sentence) => {
    const parsed = parseConnectionString(broken);
    expect(parsed).toEqual({ ok: false, problem: expect.stringContaining(sentence) as string });
    expect(JSON.stringify(parsed)).not.toContain("aB3");
  });
});
