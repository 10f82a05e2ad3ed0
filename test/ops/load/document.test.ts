import { readFileSync } from "node:fs";
import { withBlocks } from "../../../ops/load/document.ts";
import { plot } from "../../../ops/load/plot.ts";
import { DOCUMENT, PLOT, RESULTS } from "../../../ops/load/published.ts";
import type { Results } from "../../../ops/load/results.ts";

const results = JSON.parse(readFileSync(RESULTS, "utf8")) as Results;

test("docs/CAPACITY.md has the tables of the committed results; otherwise run npm run load -- --stack local --publish", () => {
  const document = readFileSync(DOCUMENT, "utf8");
  expect(document).toBe(withBlocks(document, results));
});

test("the plot is that of the committed results", () => {
  expect(readFileSync(PLOT, "utf8")).toBe(plot(results));
});

test("each configuration was predicted to end, and ended, at another resource", () => {
  expect(new Set(results.runs.map(({ predicted: [{ resource }] }) => resource))).toEqual(
    new Set(["CPU", "instances × concurrency", "max_connections", "pool"]),
  );
});
