import { absolute, type Figure, ratio, regressions, summarize, TOLERANCE, used } from "../../bench/figure.ts";
import { svg, table } from "../../bench/report.ts";

const seconds = (name: string, ...values: number[]) => ({ name, unit: "s", values });

describe("benchmark figures", () => {
  test("have a median and a spread", () => {
    expect(summarize([9, 1, 3])).toEqual({ median: 3, lowest: 1, highest: 9, runs: 3 });
    expect(summarize([4, 1, 2, 9]).median).toBe(3);
    expect(() => summarize([])).toThrow("no values to summarize");
  });

  test("compare medians as a ratio", () => {
    const figure = ratio("preview", seconds("prod", 4, 6, 5), seconds("empty", 2, 2, 4), { most: 2 });
    expect(figure).toMatchObject({ value: 2.5, unit: "×" });
    expect(used(figure)).toBe(1.25);
    expect(used({ ...figure, limit: { least: 5 } })).toBe(2);
    expect(used(absolute("start", seconds("start", 1)))).toBeUndefined();
  });
});

describe("the check against the committed figures", () => {
  const figure = (value: number, limit: Figure["limit"], unit = "×"): Figure => ({
    name: "reads",
    value,
    unit,
    ...(limit && { limit }),
    sides: [],
  });
  const most = { most: 3 };
  const least = { least: 0.6 };

  test("reports changes for the worse beyond the tolerance", () => {
    const just = 1 + TOLERANCE;
    expect(regressions([figure(just, most)], [figure(1, most)])).toEqual([]);
    expect(regressions([figure(just + 0.01, most)], [figure(1, most)])).toEqual(["reads: 1.26 ×, was 1.00 ×"]);
    expect(regressions([figure(2, least)], [figure(1, least)])).toEqual([]);
    expect(regressions([figure(0.7, least)], [figure(1, least)])).toHaveLength(1);
  });

  test("compares only ratios that have a committed figure", () => {
    expect(regressions([figure(9, most, "s")], [figure(1, most, "s")])).toEqual([]);
    expect(regressions([figure(9, most)], [])).toEqual([]);
  });
});

describe("the report", () => {
  const holds = ratio("first & second", seconds("one", 1), seconds("two", 2), { most: 1 });
  const misses = absolute("up", seconds("all", 15), { most: 12 });
  const free = absolute("start", seconds("start", 1));

  test("prints a table that says which limits hold", () => {
    const [, ...rows] = table([holds, misses, free]).trim().split("\n");
    expect(rows).toEqual([
      expect.stringMatching(/^first & second +0\.500 × +≤ 1 +holds +one 1\.00 s \(1\.00 to 1\.00\) \/ two 2\.00 s/),
      expect.stringMatching(/^up +15\.0 s +≤ 12 +MISSED /),
      expect.stringMatching(/^start +1\.00 s +start /),
    ]);
  });

  test("plots a bar for each figure with a limit", () => {
    const plot = svg([holds, misses, free], "a machine <of two>");
    expect(plot.match(/<rect x=/g)).toHaveLength(2);
    expect(plot).toContain("first &amp; second");
    expect(plot).toContain("a machine &lt;of two&gt;");
    expect(plot).not.toContain("start");
  });
});
