import type { EngineEvent } from "@pulumi/pulumi/automation";
import { failedIn } from "../../ops/interrupted";
import { secret, types } from "./preview/engine";

/** What the engine tells of a resource that it failed to create. */
function failure(type: string, inputs: object, said: string): EngineEvent[] {
  const urn = `urn:pulumi:prod::settlement::${type}::it`;
  const metadata = { op: "create", urn, type, provider: "p", new: { type, urn, inputs, parent: "s" } };
  return [{ diagnosticEvent: { urn, severity: "error", message: said } }, { resOpFailedEvent: { metadata } }] as never;
}

test.each([
  ["is there already", "Error creating User: googleapi: Error 409: exists already, alreadyExists", [true]],
  ["is perhaps there", "Cloud SQL, POST users: http://x does not answer (read ECONNRESET)", [false]],
  ["is not there", "Error creating User: googleapi: Error 400: invalid", []],
])("of what an update failed to make is known that it %s", (_what, said, exists) => {
  expect(failedIn(failure(types.user, { name: "u" }, said)).map((failed) => failed.exists)).toEqual(exists);
});

test("its secrets, of which the engine tells no value, are left to the next update", () => {
  const inputs = { name: "u", password: secret, settings: [{ key: secret }], tags: ["t"] };
  const [failed] = failedIn(failure(types.user, inputs, "Error 409"));
  expect(failed?.resource.inputs).toEqual({ name: "u", tags: ["t"] });
});

test("what has no id that is known, and no list to be found in, is made again", () => {
  expect(failedIn(failure("gcp:projects/iAMMember:IAMMember", {}, "Error 409"))).toEqual([]);
});
