import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { documentation, DOCUMENT, MEASURED, type Measured } from "../../policies/docs.ts";
import { policies, subjects } from "../../policies/pack.ts";
import { cases } from "./cases.ts";
import { judge } from "./declare.ts";

const mandatory = new Set(policies.filter(({ level }) => level === "mandatory").map(({ name }) => name));

function measure(names: readonly string[]): Measured {
  const rows = cases.filter(({ policy }) => names.includes(policy));
  const missed = rows.filter(
    ({ policy, breaks, says }) => !judge(breaks, { only: policy }).some(({ message }) => says.test(message)),
  );
  const alarmed = rows.filter(({ passes }) => judge(passes).some(({ policy }) => mandatory.has(policy)));
  return { unsafe: rows.length, missed: missed.length, sound: rows.length, falseAlarms: alarmed.length };
}

test("the document counts these rows; otherwise run with UPDATE_GOLDEN=1", () => {
  const measured = Object.fromEntries(
    Object.entries(subjects).flatMap(([subject, own]) => {
      const counts = measure(own.map(({ name }) => name));
      return counts.unsafe === 0 ? [] : [[subject, counts]];
    }),
  );
  if (process.env.UPDATE_GOLDEN) writeFileSync(MEASURED, `${JSON.stringify(measured, null, 2)}\n`);
  expect(JSON.parse(readFileSync(MEASURED, "utf8"))).toEqual(measured);
});

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
