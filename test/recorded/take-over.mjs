// Imports recordings of the official provider: node test/recorded/take-over.mjs FOLDER
// FOLDER contains one file per stack, a list of resources with type, name, inputs and outputs. Commit the result.
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
for (const [stack, file] of Object.entries(STACKS)) {
  const resources = JSON.parse(readFileSync(join(from, file), "utf8"));
  const lines = resources
    .filter(({ type }) => !type.startsWith("pulumi:"))
    .map(({ type, name, inputs, outputs }) => JSON.stringify({ type, name, inputs, outputs }))
    .sort();
  writeFileSync(join(to, `${stack}.json`), `[\n${lines.join(",\n")}\n]\n`);
}
