import { age } from "../../../ops/terminal/age.ts";

test.each([
  ["2026-11-25T03:24:59Z", "0 minutes"],
  ["2026-11-25T03:24:00Z", "1 minute"],
  ["2026-11-25T01:26:00Z", "119 minutes"],
  ["2026-11-25T01:25:00Z", "2 hours"],
  ["2026-11-23T03:25:00Z", "2 days"],
  ["2026-11-25T04:00:00Z", "0 minutes"],
])("the time since %s is %s", (since, words) => {
  expect(age(since, new Date("2026-11-25T03:25:00Z"))).toBe(words);
});
