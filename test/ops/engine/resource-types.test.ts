import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { lookupOf } from "../../../ops/engine/lookup.ts";
import { RESOURCE_TYPES, typeName } from "../../../ops/engine/resource-types.ts";
import { ROOT } from "../../../ops/engine/stack-file.ts";
import { isPredefined } from "../../../packages/embedded-google-cloud/iam/roles.ts";
import { declare } from "../../infra/declared.ts";

/** Configuration that adds every optional resource. */
const EVERYTHING = {
  alerts: { email: ["oncall@example.com"] },
  deployer: "deployer@fusion-prime.iam.gserviceaccount.com",
  frontend: { domain: "settlement.example.com" },
  migrationJob: { image: "gcr.io/fusion-prime/settlement-migration:1" },
  network: { subnet: "10.8.0.0/24", services: "10.9.0.0/20" },
};

test("the table lists exactly the types that the program declares", async () => {
  const { resources } = await declare(EVERYTHING);
  const declared = resources.map(({ type }) => type).filter((type) => type.includes("/"));
  expect(Object.keys(RESOURCE_TYPES).sort()).toEqual([...new Set(declared)].sort());
  // Its source shows types that this configuration does not declare.
  const text = globSync("infra/**/*.ts", { cwd: ROOT }).map((file) => readFileSync(join(ROOT, file), "utf8"));
  const written = text.flatMap((each) => [...each.matchAll(/\bnew ((gcp|random)\.[\w.]+)\(/g)].map(([, type]) => type));
  expect(new Set(written)).toEqual(new Set(declared.map(typeName).filter((type) => !type.startsWith("settlement."))));
});

test("every Google Cloud type has a deployer role, and every role exists", () => {
  for (const [type, { deployer, previewer }] of Object.entries(RESOURCE_TYPES)) {
    expect([type, deployer !== undefined]).toEqual([type, type.startsWith("gcp:")]);
    for (const role of [deployer, previewer])
      expect([type, role, isPredefined(role ?? "roles/viewer")]).toContain(true);
  }
});

/** A resource in a state of the official provider, recorded by test/recorded/take-over.mjs. */
interface Recorded {
  readonly type: string;
  readonly inputs: Readonly<Record<string, string>>;
  readonly outputs: { readonly id: string };
}

test("derives the same ids as the official provider", async () => {
  const file = join(ROOT, "test", "recorded", "official-provider", "local-private-network.json");
  const recorded = JSON.parse(readFileSync(file, "utf8")) as Recorded[];
  const config = { "gcp:project": "settlement-local", "gcp:region": "us-central1" };
  const lookup = await lookupOf({
    workspace: { envVars: {}, stackSettings: () => Promise.resolve({ config }) },
  } as unknown as Stack);
  let compared = 0;
  for (const { inputs, outputs, type } of recorded) {
    const how = RESOURCE_TYPES[type]?.lookup ?? "repeatable";
    if (how === "repeatable" || !("id" in how)) continue;
    compared += 1;
    // The provider creates an instance under its full name, and shortens the id when it reads it.
    const known = type === "gcp:sql/databaseInstance:DatabaseInstance" ? `/instances/${outputs.id}` : outputs.id;
    const id = await lookup.idOf({ urn: "", type, inputs }, new Set());
    expect([id, id?.endsWith(known)]).toEqual([id, true]);
  }
  expect(compared).toBeGreaterThan(8);
});
