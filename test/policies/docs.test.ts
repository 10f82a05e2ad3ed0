import { readFileSync } from "node:fs";
import { documentation, DOCUMENT } from "../../policies/docs.ts";
import { policies } from "../../policies/pack.ts";

test("docs/POLICIES.md is what the pack says; otherwise run npm run policies:docs", () => {
  expect(readFileSync(DOCUMENT, "utf8")).toBe(documentation());
});

test("every policy is a name, a sentence, a source and a check", () => {
  for (const { name, sentence, reference } of policies) {
    expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(sentence).toMatch(/^[A-Z][^|]*\.$/);
    expect(reference).toMatch(/^(https:\/\/(cloud\.google|www\.pulumi)\.com\/|CIS \d)/);
  }
  expect(new Set(policies.map(({ name }) => name)).size).toBe(policies.length);
});
