import { readFileSync } from "node:fs";
import { join } from "node:path";
import { documentation, DOCUMENT } from "../../policies/docs.ts";
import { policies } from "../../policies/pack.ts";

test("docs/POLICIES.md is up to date; otherwise run npm run policies:docs", () => {
  expect(readFileSync(DOCUMENT, "utf8")).toBe(documentation());
});

test("every policy has a unique name, a sentence and a source", () => {
  for (const { name, sentence, reference } of policies) {
    expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(sentence).toMatch(/^[A-Z][^|]*\.$/);
    expect(reference).toMatch(/^(https:\/\/(cloud\.google|www\.pulumi)\.com\/|CIS \d)/);
  }
  expect(new Set(policies.map(({ name }) => name)).size).toBe(policies.length);
});

test("policies/README.md quotes a rule of the pack and its case", () => {
  const root = join(import.meta.dirname, "../..");
  const read = (file: string) => readFileSync(join(root, file), "utf8").replace(/^ +/gm, "");
  const examples = [...read("policies/README.md").matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code);
  expect(examples).toHaveLength(2);
  expect(read("policies/rules/buckets.ts")).toContain(examples[0]);
  expect(read("test/policies/cases.ts")).toContain(examples[1]);
});
