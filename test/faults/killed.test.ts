import { LONG_FORM } from "../long-form.ts";
import { live, type Trial } from "./life.ts";

/**
 * The program, the engine, the provider, the embedded cloud and PostgreSQL are killed at drawn points of up, update,
 * migration and destroy; then the next run has to finish. A seed is one life of a stack, with one trial of each.
 * `npm run test:faults` takes fifty seeds; `SEED=7 npm run test:faults -- test/faults/killed` takes that one.
 */

const seeds = process.env.SEED
  ? [Number(process.env.SEED)]
  : Array.from(
      { length: LONG_FORM ? Number(process.env.LIVES ?? 50) : 1 },
      (_, index) => index + Number(process.env.FROM ?? (LONG_FORM ? 1 : 19)),
    );

/** In the short form a new stack; a migration dies in test/e2e/migrations.test.ts, an update in pipelines.test.ts. */
const operations = LONG_FORM ? (["up", "update", "migration", "destroy"] as const) : (["up"] as const);

jest.setTimeout(LONG_FORM ? 4 * 60 * 60_000 : 600_000);

/** Where the cloud is dead, a migration need not wait ten minutes for it. */
beforeAll(() => (process.env.SETTLEMENT_PATIENCE = "0.05"));
afterAll(() => delete process.env.SETTLEMENT_PATIENCE);

test("whatever is killed: the next run converges, nothing is lost or applied twice, and no process stays", async () => {
  const trials: Trial[] = [];
  const left = [...seeds];
  const lane = async () => {
    for (let seed = left.shift(); seed !== undefined; seed = left.shift()) {
      await live(seed, operations, (trial) => {
        trials.push(trial);
        process.stderr.write(`${line(trial)}\n`);
      });
    }
  };
  await Promise.all(Array.from({ length: LONG_FORM ? Number(process.env.LANES ?? 2) : 1 }, lane));
  process.stderr.write(`${table(trials)}\n`);
  const bad = trials.filter(({ outcome }) => !outcome.startsWith("converged"));
  expect(bad).toEqual([]);
  // A few processes look twice a second whether the one they work for is still there; none stays.
  expect(trials.filter(({ orphans }) => orphans.length > 0)).toEqual([]);
});

function line({ seed, operation, shared, victim, at, nth, after, outcome, missed, detail, orphans }: Trial): string {
  const how = `${victim} killed ${after > 0 ? `${after} ms after` : "at"} ${at} ${nth}`;
  const end = [
    outcome,
    missed && "(the point was not reached)",
    detail,
    orphans.length > 0 && `orphans: ${orphans.join(" ")}`,
  ];
  return `seed ${seed}: ${shared ? "shared " : ""}${operation}, ${how}: ${end.filter(Boolean).join(" ")}`;
}

/** Outcomes by what was done and what was killed. */
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
