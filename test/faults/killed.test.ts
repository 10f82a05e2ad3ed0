import { inLongForm } from "../long-form.ts";
import { live, type Trial } from "./life.ts";

/**
 * In the long form, kills the program, the engine, the provider, the embedded cloud or PostgreSQL at random points of up, update,
 * migration and destroy; the next run has to finish. A seed is one life of a stack, with one kill in each operation.
 * `npm run test:faults` runs fifty seeds; `SEED=7 npm run test:faults -- test/faults/killed` runs one.
 * In the short form, take-over.test.ts kills the engine while it creates something, test/e2e/migrations.test.ts in a migration.
 */

const seeds = process.env.SEED
  ? [Number(process.env.SEED)]
  : Array.from({ length: Number(process.env.LIVES ?? 50) }, (_, index) => index + Number(process.env.FROM ?? 1));

jest.setTimeout(4 * 60 * 60_000);

/** Otherwise a migration waits ten minutes for a killed cloud. */
beforeAll(() => (process.env.SETTLEMENT_PATIENCE = "0.05"));
afterAll(() => delete process.env.SETTLEMENT_PATIENCE);

inLongForm("the next run converges after a kill: nothing is lost or applied twice, no process is left", async () => {
  const trials: Trial[] = [];
  const left = [...seeds];
  const lane = async () => {
    for (let seed = left.shift(); seed !== undefined; seed = left.shift()) {
      await live(seed, (trial) => {
        trials.push(trial);
        process.stderr.write(`${line(trial)}\n`);
      });
    }
  };
  await Promise.all(Array.from({ length: Number(process.env.LANES ?? 2) }, lane));
  process.stderr.write(`${table(trials)}\n`);
  const bad = trials.filter(({ outcome }) => !outcome.startsWith("converged"));
  expect(bad).toEqual([]);
  // A victim that no trial finds has another command line than life.ts expects.
  const found = new Set(trials.filter(({ missed }) => !missed).map(({ victim }) => victim));
  const absent = trials.filter(({ missed, victim }) => missed === "the victim did not run" && !found.has(victim));
  if (!process.env.SEED) expect(absent).toEqual([]);
  // Some processes poll their parent twice a second; all of them end.
  expect(trials.filter(({ orphans }) => orphans.length > 0)).toEqual([]);
});

function line({ seed, operation, shared, victim, at, nth, after, outcome, missed, detail, orphans }: Trial): string {
  const how = `${victim} killed ${after > 0 ? `${after} ms after` : "at"} ${at} ${nth}`;
  const end = [outcome, missed && `(${missed})`, detail, orphans.length > 0 && `orphans: ${orphans.join(" ")}`];
  return `seed ${seed}: ${shared ? "shared " : ""}${operation}, ${how}: ${end.filter(Boolean).join(" ")}`;
}

/** Outcomes by operation and victim. */
function table(trials: readonly Trial[]): string {
  const outcomes = ["converged", "converged after the named step", "stopped", "lost", "twice"] as const;
  const rows = (name: (trial: Trial) => string) =>
    [...new Set(trials.map(name))].sort().map((row) => {
      const own = trials.filter((trial) => name(trial) === row);
      const cells = outcomes.map((outcome) => own.filter((trial) => trial.outcome === outcome).length);
      return `| ${[row, own.length, ...cells, own.filter(({ missed }) => missed).length].join(" | ")} |`;
    });
  return [
    `| | trials | ${outcomes.join(" | ")} | not reached |`,
    `| - | - | ${outcomes.map(() => "-").join(" | ")} | - |`,
    ...rows(({ operation }) => operation),
    ...rows(({ victim }) => `${victim} killed`),
    ...rows(() => "all"),
  ].join("\n");
}
