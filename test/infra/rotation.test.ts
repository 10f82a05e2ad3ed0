import { LOGINS } from "../../infra/names.ts";
import { passwordStep } from "../../infra/rotation.ts";
import { type Declared, declare, named } from "./declared.ts";

const VERSION = "settlement-db-connection-string-version";

/** The declared versions of the connection string: login and deletion policy. */
function versions(resources: readonly Declared[]): Record<string, unknown> {
  const declared = resources.filter(({ name }) => name.startsWith(VERSION));
  return Object.fromEntries(
    declared.map(({ inputs, name }) => [
      name.slice(VERSION.length),
      [/\/\/(\w+):/.exec(String(inputs.secretData))?.[1], inputs.deletionPolicy],
    ]),
  );
}

const [A, B] = LOGINS;

test.each([
  { step: 0, passwords: { a: 0, b: 0 }, valid: { "": [A, "ABANDON"] } },
  { step: 1, passwords: { a: 0, b: 1 }, valid: { "": [A, "DELETE"], "-1": [B, "ABANDON"] } },
  { step: 2, passwords: { a: 2, b: 1 }, valid: { "-1": [B, "ABANDON"] } },
  { step: 3, passwords: { a: 3, b: 1 }, valid: { "-1": [B, "DELETE"], "-2": [A, "ABANDON"] } },
  { step: 4, passwords: { a: 3, b: 4 }, valid: { "-2": [A, "ABANDON"] } },
  { step: 5, passwords: { a: 3, b: 5 }, valid: { "-2": [A, "DELETE"], "-3": [B, "ABANDON"] } },
])("step $step sets passwords and keeps connection strings as expected", async ({ step, passwords, valid }) => {
  const { resources } = await declare({ rotation: { step } });
  const keeper = (name: string) => named(resources, name).inputs.keepers;
  const changed = (at: number) => (at === 0 ? undefined : { rotation: String(at) });
  expect(keeper("settlement-password")).toEqual(changed(passwords.a));
  expect(keeper("settlement-password-b")).toEqual(changed(passwords.b));
  expect(versions(resources)).toEqual(valid);
  expect(resources.filter(({ name }) => name.startsWith("settlement-db-password-version"))).toHaveLength(
    Object.keys(valid).length,
  );
});

test("each step changes the password of exactly one login", () => {
  for (let step = 1; step < 20; step += 1) {
    const changed = LOGINS.filter((login) => passwordStep(login, step) !== passwordStep(login, step - 1));
    expect([step, changed]).toEqual([step, [expect.any(String)]]);
  }
});

test("the service gets the newest credential and waits for its login", async () => {
  const { resources } = await declare({ rotation: { step: 1, destroyAfterDays: 30 } });
  const service = named(resources, "settlement-service");
  expect(service.dependencies.map((urn) => urn.split("::").at(-1))).toContain(`${VERSION}-1`);
  expect(named(resources, `${VERSION}-1`).dependencies.map((urn) => urn.split("::").at(-1))).toContain(
    "settlement-user-b",
  );
  expect(named(resources, "settlement-db-password").inputs).toMatchObject({ versionDestroyTtl: "2592000s" });
});
