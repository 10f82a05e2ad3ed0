import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { ROOT } from "../ops/engine/stack-file.ts";

/** Phrases that must not come back, and what to write instead. */
const AVOIDED: readonly (readonly [phrase: RegExp, instead: string])[] = [
  [/\bmend(s|ed|ing)?\b/i, "fix, repair"],
  [/\bby hand\b/i, "manually"],
  [/\b(whoever|whom)\b/i, "name who it is"],
  [/\b(there already|already there)\b/i, "already exists"],
  [/\b(go|goes|went|gone) back from\b/i, "roll back"],
  [/\banew\b/i, "again"],
  [/\bto be had\b/i, "available"],
  [/\bin vain\b/i, "without success"],
  [/\bonce more\b/i, "again"],
  [/\bas long as this stands\b/i, "say what is blocked"],
  [/\b(Unseen|goOnUnread)\b/, "NotVisible, ignoreBrokenPipe"],
  // "where" is for places.
  [/\bwhere (there|it|they|one|none|nobody|no|such) (is|are|was|were|has|have|does|do|can|cannot)\b/i, "if, when"],
];

const FOLDERS = ["bench", "docs", "infra", "migrations", "ops", "packages", "policies", "test", ".github"];
const TEXTS = /\.(tsx?|mjs|cjs|js|md|ya?ml|sql)$/;
/** What others said, this list, and what is built. */
const OTHERS = /^test\/(recorded\/official-provider|words\.test\.ts)|(^|\/)dist\//;

const files = [
  ...FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(ROOT, join(entry.parentPath, entry.name))),
  ),
  ...readdirSync(ROOT),
].filter((file) => TEXTS.test(file) && !OTHERS.test(file));

test.each(AVOIDED)("no text says %s", (phrase, instead) => {
  expect(files.length).toBeGreaterThan(400);
  const found = files.flatMap((file) =>
    readFileSync(join(ROOT, file), "utf8")
      .split("\n")
      .flatMap((line, index) => (phrase.test(line) ? [`${file}:${index + 1}: write: ${instead}`] : [])),
  );
  expect(found).toEqual([]);
});
