import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { parseConfig } from "../../../infra/config.ts";
import { findLosses, type Kept } from "../../../ops/preview/guard.ts";
import { readEvents } from "../../../ops/preview/model.ts";
import { configured, type Declared, replacement, schemaAt, step, types, urn } from "./engine.ts";

const bucket: Declared = { type: types.bucket, name: "papers", id: "papers-1" };
const schema: Declared = { type: types.schema, name: "schema", id: "p/i/d" };

function losses(events: EngineEvent[], state: Kept[] = [], allowed: string[] = []) {
  return findLosses(
    readEvents([...events, configured({ "settlement:allowDestructive": JSON.stringify(allowed) })]),
    state,
  );
}

describe("the guard", () => {
  test.each([
    ["gcp:sql/databaseInstance:DatabaseInstance", "every database"],
    ["gcp:sql/database:Database", "every table"],
    ["gcp:sql/user:User", "the login"],
    ["gcp:storage/bucket:Bucket", "every object"],
    ["gcp:storage/bucketObject:BucketObject", "the object"],
    ["gcp:secretmanager/secret:Secret", "every version"],
    ["gcp:secretmanager/secretVersion:SecretVersion", "the value"],
    ["gcp:kms/cryptoKey:CryptoKey", "any data in gcp.kms.CryptoKey"],
    ["random:index/randomPassword:RandomPassword", "the generated value"],
    ["random:index/randomId:RandomId", "the generated value"],
  ])("reports a loss if %s is deleted or replaced", (type, what) => {
    const resource = { type, name: "it", id: "1" };
    expect(losses([step("delete", resource, { before: {} })])).toMatchObject([{ allowed: false }]);
    expect(losses(replacement(resource, { a: 1 }, { a: 2 }, ["a"]))[0]?.what).toContain(what);
  });

  test.each([
    ["an update in place", [step("update", bucket, { before: { a: 1 }, after: { a: 2 } })]],
    ["a creation", [step("create", bucket, { after: {} })]],
    ["nothing at all", [step("same", bucket, { before: {}, after: {} })]],
    ["a replaced service", replacement({ type: types.service, name: "s", id: "1" }, {}, { a: 1 }, ["a"])],
    ["a deleted resource that is retained", [step("delete", { ...bucket, retainOnDelete: true }, { before: {} })]],
    [
      "a replaced resource that is retained",
      replacement({ ...bucket, retainOnDelete: true }, { a: 1 }, { a: 2 }, ["a"]),
    ],
    [
      "an abandoned secret version",
      replacement(
        { type: types.secretVersion, name: "v", id: "1" },
        { deletionPolicy: "ABANDON" },
        { deletionPolicy: "ABANDON" },
        ["secretData"],
      ),
    ],
    ["a schema migration", [step("update", schema, { before: schemaAt(1), after: schemaAt(3) })]],
    ["a schema moved to a new instance", replacement(schema, schemaAt(2), schemaAt(2), ["instance"])],
  ])("reports no loss for %s", (_what, events) => {
    expect(losses(events)).toEqual([]);
  });

  test("ignores a deletion policy that only the replacement has", () => {
    const version = { type: types.secretVersion, name: "v", id: "1" };
    const events = replacement(version, { deletionPolicy: "DELETE" }, { deletionPolicy: "ABANDON" }, ["secretData"]);
    expect(losses(events)).toHaveLength(1);
  });

  test.each([
    ["604800s", ", which is disabled now and destroyed 7 days later"],
    ["86400s", ", which is disabled now and destroyed a day later"],
    [undefined, ""],
  ])("says how long a secret version can be restored, with a versionDestroyTtl of %s", (versionDestroyTtl, then) => {
    const secret = "projects/p/secrets/s";
    const deletion = step("delete", { type: types.secretVersion, name: "v", id: "1" }, { before: { secret } });
    const [loss] = losses([deletion], [{ urn: "urn", id: secret, inputs: { versionDestroyTtl } }]);
    expect(loss?.what).toBe(`the value of this version${then}`);
  });

  test("names the down scripts of a schema rollback", () => {
    const [loss] = losses([step("update", schema, { before: schemaAt(3), after: schemaAt(1) })]);
    expect(loss?.what).toBe("what the down scripts of 20250103000000_note.sql, 20250102000000_create_b.sql remove");
  });

  test("reports a resource that an earlier update replaced but did not delete", () => {
    const left = step("delete", bucket, { before: {} });
    const old = left.resourcePreEvent?.metadata.old;
    if (old) old.delete = true;
    const found = losses([step("same", { ...bucket, id: "papers-2" }, { before: {}, after: {} }), left]);
    expect(found.map(({ change }) => [change.op, change.id])).toEqual([["delete", "papers-1"]]);
  });
});

describe("the configuration", () => {
  const deletion = [step("delete", bucket, { before: {} })];
  const papers = { urn: urn(bucket), id: "papers-1", created: "2026-01-01", modified: "2026-01-02" };
  const state = [papers];
  const entry = losses(deletion, state)[0]?.entry ?? "";

  test("allows a listed change, with an entry that the program accepts", () => {
    expect(entry).toMatch(/^papers@[0-9a-f]{12}$/);
    expect(losses(deletion, state, [entry])).toMatchObject([{ allowed: true }]);
    const given = { database: { tier: "db-custom-1-3840", availability: "ZONAL" }, service: { image: "h/p/n:1" } };
    const place = { project: "settlement-test", region: "us-central1", environment: "local" };
    expect(parseConfig({ ...place, ...given, allowDestructive: [entry] }).allowDestructive).toEqual([entry]);
    expect(() => parseConfig({ ...place, ...given, allowDestructive: ["papers"] })).toThrow(
      'settlement:allowDestructive.0 is "papers"; expected an entry as the preview prints it',
    );
  });

  test.each<[string, EngineEvent[], Kept[]]>([
    ["a resource that was recreated since", deletion, [{ ...papers, created: "2026-02-01" }]],
    ["a resource that was changed since", deletion, [{ ...papers, modified: "2026-02-01" }]],
    ["another change of the same resource", replacement(bucket, { a: 1 }, { a: 2 }, ["a"]), state],
    ["another resource of the same name", [step("delete", { ...bucket, component: "Schema" }, { before: {} })], state],
  ])("does not allow %s", (_what, events, now) => {
    expect(losses(events, now, [entry])).toMatchObject([{ allowed: false }]);
  });

  test("does not allow a rollback to another version", () => {
    const down = (to: number) => [step("update", schema, { before: schemaAt(3), after: schemaAt(to) })];
    const named = losses(down(2))[0]?.entry ?? "";
    expect(losses(down(2), [], [named])).toMatchObject([{ allowed: true }]);
    expect(losses(down(1), [], [named])).toMatchObject([{ allowed: false }]);
  });
});
