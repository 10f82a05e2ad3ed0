import { loginsOf } from "../../../ops/migration/restore.ts";
import type { StateResource } from "../../../ops/engine/state.ts";

const user = (name: string, created: string): StateResource => ({
  urn: `urn:${name}`,
  type: "gcp:sql/user:User",
  inputs: { name, password: { plaintext: '"p1ssword"' } } as unknown as StateResource["inputs"],
  created,
});
const RESOURCES = [user("a", "2026-01-01T10:00:00Z"), user("b", "2026-01-01T12:00:00Z")];

test("returns the logins in a backup with their current passwords", () => {
  expect(loginsOf(RESOURCES, "2026-01-01T12:00:01.5Z")).toEqual([
    { name: "a", password: "p1ssword" },
    { name: "b", password: "p1ssword" },
  ]);
});

test("refuses a backup that is older than a login", () => {
  expect(() => loginsOf(RESOURCES, "2026-01-01T11:00:00Z")).toThrow(
    "The backup of 2026-01-01T11:00:00Z is older than the login b, created at 2026-01-01T12:00:00Z",
  );
});

test("says what to do about a login whose password is not in the state", () => {
  const adopted = [
    { ...user("a", "2026-01-01T10:00:00Z"), inputs: { name: "a" } as unknown as StateResource["inputs"] },
  ];
  expect(() => loginsOf(adopted, "2026-01-01T12:00:00Z")).toThrow(
    "The state has no password of a, which was created manually and not yet replaced, so it could not be set again after " +
      "the restore. Run npm run rotate first, and choose a backup taken after it",
  );
});
