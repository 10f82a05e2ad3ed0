import { formsOf, holders } from "./leaks.ts";

const SECRET = "postgresql+asyncpg://settlement_user:Zq3fT9wLk2Vn8RbYx5Jm7Hd4s@/settlement_db?host=/cloudsql/p:r:i";

test.each(["base64", "base64url"] as const)("finds a secret in %s at any offset", (encoding) => {
  for (const before of ["", "a", "ab", "abc"]) {
    for (const after of ["", "y", "yz"]) {
      const text = Buffer.from(before + SECRET + after).toString(encoding);
      expect([before, after, holders([["here", text]], [SECRET])]).toEqual([before, after, ["here"]]);
    }
  }
});

test("finds a secret in plain text and URL-encoded, but no other text", () => {
  const other = Buffer.from(SECRET.replace("Zq3", "Zq4"));
  expect(
    holders(
      [
        ["plain", `x${SECRET}x`],
        ["url", encodeURIComponent(SECRET)],
      ],
      [SECRET],
    ),
  ).toEqual(["plain", "url"]);
  expect(holders([["other", `${other.toString()} ${other.toString("base64")}`]], [SECRET])).toEqual([]);
  expect(formsOf(SECRET).every((form) => form.length > 20)).toBe(true);
});
