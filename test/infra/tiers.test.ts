import { cpusOf, expectedTier, maxConnections } from "../../infra/tiers.ts";

test.each([
  ["db-f1-micro", 25],
  ["db-g1-small", 50],
  ["db-custom-1-3840", 100],
  ["db-custom-2-7424", 200],
  ["db-custom-2-7680", 400],
  ["db-custom-4-15360", 500],
  ["db-custom-8-30720", 600],
  ["db-perf-optimized-N-8", 800],
  ["db-perf-optimized-N-16", 1000],
  ["db-custom-N4-2-8192", 400],
  ["db-c4a-highmem-2", 500],
  ["db-n1-standard-1", undefined],
])("%s takes %d connections by default", (tier, connections) => {
  expect(maxConnections(tier)).toBe(connections);
});

test.each([
  ["db-f1-micro", "ENTERPRISE"],
  ["db-custom-1-3840", "ENTERPRISE"],
  ["db-custom-1-6656", "ENTERPRISE"],
  ["db-custom-6-5632", "ENTERPRISE"],
  ["db-custom-96-638976", "ENTERPRISE"],
  ["db-perf-optimized-N-128", "ENTERPRISE_PLUS"],
] as const)("%s exists in edition %s", (tier, edition) => {
  expect(expectedTier(tier, edition)).toBeUndefined();
});

test.each([
  ["db-custom-3-11520", "ENTERPRISE", "1 CPU or an even number up to 96"],
  ["db-custom-98-638976", "ENTERPRISE", "1 CPU or an even number up to 96"],
  ["db-custom-0-3840", "ENTERPRISE", "1 CPU or an even number up to 96"],
  ["db-custom-1-3584", "ENTERPRISE", "a multiple of 256 from 3840 to 6656 megabytes with 1 CPU"],
  ["db-custom-2-7681", "ENTERPRISE", "a multiple of 256 from 3840 to 13312 megabytes with 2 CPUs"],
  ["db-custom-6-5376", "ENTERPRISE", "a multiple of 256 from 5632 to 39936 megabytes with 6 CPUs"],
  ["db-custom-1-6912", "ENTERPRISE", "a multiple of 256 from 3840 to 6656 megabytes with 1 CPU"],
  ["db-perf-optimized-N-2", "ENTERPRISE", "a machine type of edition ENTERPRISE:"],
  ["db-n1-standard-1", "ENTERPRISE", "a machine type of edition ENTERPRISE:"],
  ["db-custom-N4-2-8192", "ENTERPRISE", "need Hyperdisk"],
  ["db-c4a-highmem-2", "ENTERPRISE_PLUS", "need Hyperdisk"],
  ["db-perf-optimized-N-3", "ENTERPRISE_PLUS", "CPUs can be 2, 4, 8,"],
  ["db-custom-2-7680", "ENTERPRISE_PLUS", "a machine type of edition ENTERPRISE_PLUS, such as"],
  ["constructor", "ENTERPRISE", "a machine type of edition ENTERPRISE:"],
] as const)("%s does not exist in edition %s", (tier, edition, expected) => {
  expect(expectedTier(tier, edition)).toContain(expected);
});

test.each([
  ["db-f1-micro", 1],
  ["db-custom-2-7680", 2],
  ["db-custom-N4-4-16384", 4],
  ["db-perf-optimized-N-128", 128],
  ["db-n1-standard-1", undefined],
])("%s has %s CPUs", (tier, cpus) => {
  expect(cpusOf(tier)).toBe(cpus);
});
