/** Machine types of Cloud SQL for PostgreSQL. Pure and without imports, so that policies and commands can use it too. */

/** An edition of Cloud SQL. */
export type Edition = "ENTERPRISE" | "ENTERPRISE_PLUS";

/** Machine types with a shared core, and their memory in gigabytes. */
const SHARED: Readonly<Record<string, number>> = { "db-f1-micro": 0.6, "db-g1-small": 1.7 };

/** Predefined machine types of series N2, by CPUs; with 8 GB each, but 864 GB for the largest. */
const N2 = [2, 4, 8, 16, 32, 48, 64, 80, 96, 128];

/**
 * What an edition expects in place of a machine type that it does not have; undefined if it has it. Series N4 and C4A count
 * as missing: they need Hyperdisk, and the program declares no type of disk.
 * https://cloud.google.com/sql/docs/postgres/instance-settings, https://cloud.google.com/sql/docs/postgres/machine-series-overview
 */
export function expectedTier(tier: string, edition: Edition): string | undefined {
  if (/^db-(custom-N4|c4a)-/.test(tier)) {
    return "a machine type with SSD storage: series N4 and C4A need Hyperdisk, which this program does not declare";
  }
  const n2 = /^db-perf-optimized-N-(\d+)$/.exec(tier)?.[1];
  if (edition === "ENTERPRISE_PLUS") {
    if (n2 !== undefined && N2.includes(Number(n2))) return undefined;
    return `a machine type of edition ENTERPRISE_PLUS, such as db-perf-optimized-N-2; CPUs can be ${N2.join(", ")}`;
  }
  if (Object.hasOwn(SHARED, tier)) return undefined;
  const [, cpus, megabytes] = /^db-custom-(\d+)-(\d+)$/.exec(tier) ?? [];
  if (cpus === undefined) {
    return "a machine type of edition ENTERPRISE: db-f1-micro, db-g1-small or db-custom-CPUS-MEGABYTES, such as db-custom-1-3840";
  }
  return expectedMachine(Number(cpus), Number(megabytes));
}

/** The same for a custom machine type of edition ENTERPRISE. */
function expectedMachine(cpus: number, megabytes: number): string | undefined {
  if (cpus < 1 || cpus > 96 || (cpus > 1 && cpus % 2 === 1)) {
    return "1 CPU or an even number up to 96 in db-custom-CPUS-MEGABYTES";
  }
  // 0.9 to 6.5 GB per CPU, and 3.75 GB at least.
  const least = Math.max(3840, Math.ceil((cpus * 0.9 * 1024) / 256) * 256);
  const most = cpus * 6.5 * 1024;
  if (megabytes >= least && megabytes <= most && megabytes % 256 === 0) return undefined;
  return `a multiple of 256 from ${least} to ${most} megabytes with ${cpus === 1 ? "1 CPU" : `${cpus} CPUs`}`;
}

/**
 * Default `max_connections` of a machine type, which depends on its memory: https://cloud.google.com/sql/docs/postgres/flags
 * @returns undefined for a machine type whose memory is not known.
 */
export function maxConnections(tier: string): number | undefined {
  const gigabytes = memory(tier);
  if (gigabytes === undefined) return undefined;
  return LIMITS.findLast(([from]) => gigabytes >= from)?.[1] ?? LEAST_CONNECTIONS;
}

/** Default `max_connections` of the smallest machine type. */
export const LEAST_CONNECTIONS = 25;

/** Least memory in gigabytes, and its connections. */
const LIMITS: readonly (readonly [number, number])[] = [
  [1.7, 50],
  [3.75, 100],
  [6, 200],
  [7.5, 400],
  [15, 500],
  [30, 600],
  [60, 800],
  [120, 1000],
];

/** CPUs of a machine type; undefined if they are not known. A shared core counts as one. */
export function cpusOf(tier: string): number | undefined {
  const cpus = /^db-(?:custom-(?:N4-)?|perf-optimized-N-|c4a-highmem-)(\d+)/.exec(tier)?.[1];
  if (cpus !== undefined) return Number(cpus);
  return Object.hasOwn(SHARED, tier) ? 1 : undefined;
}

/** Memory of a machine type, in gigabytes, of any series. */
function memory(tier: string): number | undefined {
  const megabytes = /^db-custom-(?:N4-)?\d+-(\d+)$/.exec(tier)?.[1];
  if (megabytes !== undefined) return Number(megabytes) / 1024;
  const cpus = /^db-(?:perf-optimized-N|c4a-highmem)-(\d+)$/.exec(tier)?.[1];
  return cpus === undefined ? SHARED[tier] : Number(cpus) * 8;
}
