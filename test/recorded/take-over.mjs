// Imports recordings of the official provider: node test/recorded/take-over.mjs FOLDER
// FOLDER contains one file per stack, a list of resources with type, name, inputs and outputs. Commit the result, in
// official-provider/ and, for outputs that are not set, in packages/pulumi-google-stand-in/unset.json.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const STACKS = {
  local: "local-after-up.json",
  "local-private-network": "local-network-after-up.json",
  staging: "staging-preview.json",
  prod: "prod-preview.json",
};

const [from] = process.argv.slice(2);
if (from === undefined) {
  console.error("Name the folder of the recordings: node test/recorded/take-over.mjs FOLDER");
  process.exit(2);
}
const to = join(import.meta.dirname, "official-provider");
mkdirSync(to, { recursive: true });
const unset = {};
for (const [stack, file] of Object.entries(STACKS)) {
  const resources = JSON.parse(readFileSync(join(from, file), "utf8"));
  const lines = resources
    .filter(({ type }) => !type.startsWith("pulumi:"))
    .map(({ type, name, inputs, outputs }) => JSON.stringify({ type, name, inputs, outputs }))
    .sort();
  writeFileSync(join(to, `${stack}.json`), `[\n${lines.join(",\n")}\n]\n`);
  // A preview's outputs are only those that are known before the update.
  if (!file.includes("after-up")) continue;
  for (const { type, outputs } of resources) collect((unset[type] ??= {}), outputs);
}
const types = Object.keys(unset)
  .filter((type) => !type.startsWith("pulumi:"))
  .sort();
const lines = types.map((type) => `${JSON.stringify(type)}: ${JSON.stringify(shortened(unset[type]))}`);
const standIn = join(import.meta.dirname, "..", "..", "packages", "pulumi-google-stand-in");
writeFileSync(join(standIn, "unset.json"), `{\n${lines.join(",\n")}\n}\n`);

/** The values that stand for an output that is not set; "[secret]" stands for a secret. */
function isUnset(value) {
  if ([null, "", 0, false, "[secret]"].includes(value)) return true;
  return typeof value === "object" && Object.values(value).every(isUnset);
}

/** Adds the unset values of an output to a tree of them. */
function collect(tree, value) {
  for (const item of [value].flat()) {
    if (typeof item !== "object" || item === null) continue;
    for (const [name, inner] of Object.entries(item)) {
      const below = (tree[name] ??= {});
      if (isUnset(inner)) below["="] = inner;
      collect(below, inner);
    }
  }
  return tree;
}

/** The tree without what is always set, and with a value in place of a branch that has nothing else. */
function shortened(tree) {
  const names = Object.keys(tree)
    .filter((name) => tree[name] !== undefined)
    .sort();
  const entries = names.flatMap((name) => {
    if (name === "=") return [[name, tree[name]]];
    const inner = shortened(tree[name]);
    const keys = Object.keys(inner);
    if (keys.length === 0) return [];
    return [[name, keys.join() === "=" && typeof inner["="] !== "object" ? inner["="] : inner]];
  });
  return Object.fromEntries(entries);
}
