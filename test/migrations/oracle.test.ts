import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { LONG_FORM } from "../long-form.ts";
import { DIFFERENCES } from "./oracle/differences.ts";
import { comparePhases, recordedPhases, writePhases } from "./oracle/record.ts";
import { type Database, type Outcome, phasesOf, Server, type Step, type Way } from "./oracle/sides.ts";

/**
 * The import against dbmate. Each folder of `oracle/corpus` is a history of migrations; both apply it to the same kind of
 * database, up, down and up again, all at once and one by one, and must leave the same catalog and rows, or refuse the same.
 * Without FAULTS=all, the import is compared with what dbmate did in the last long form, and only histories whose files may act on
 * one another, and some about rollbacks, go further than up.
 */

const CORPUS = join(import.meta.dirname, "oracle", "corpus");
const HISTORIES = readdirSync(CORPUS).sort();

/** Histories whose files could act on one another by the session, which dbmate keeps from file to file. */
const BY_SESSION = /^(constraints|enums|no-transaction|owners|plan|schemas|settings|temporary|versions)/;

/** In the names of histories about rollbacks. */
const BY_ROLLBACK = "down";

/** Histories of which both refuse a file. */
const REFUSED = /refused|error|fail|^markers-|^psql-set|needed|utf8|syntax|copy-to|wrapped|byte-order/;

const server = new Server();
beforeAll(() => server.start());
afterAll(() => server.remove());
afterAll(writePhases);

test.each(HISTORIES)("%s", async (history) => {
  const found = await differences(history);
  const known = DIFFERENCES.filter(({ file }) => file.startsWith(`${history}/`));
  expect(found.filter((line) => !known.some((one) => one.found.test(line)))).toEqual([]);
  expect(known.filter((one) => !found.some((line) => one.found.test(line)))).toEqual([]);
});

async function differences(history: string): Promise<string[]> {
  const folder = join(CORPUS, history);
  const known = LONG_FORM ? undefined : recordedPhases(folder, history);
  const all = Object.entries(phasesOf(readdirSync(folder).sort()));
  const phases = LONG_FORM || BY_SESSION.test(history) ? all : all.slice(0, history.includes(BY_ROLLBACK) ? 2 : 1);
  const sides = [new Side(server.byImport, folder), new Side(server.byDbmate, folder)] as const;
  const [mine, dbmates] = sides;
  const found: string[] = [];
  const outcomes: Record<string, Outcome> = {};
  let failed = false;
  for (const [phase, steps] of phases) {
    // What fails all at once may succeed one by one.
    if (failed && phase !== "each up") continue;
    if (failed) await Promise.all(sides.map((side) => side.end()));
    // dbmate always rolls back one by one: it would do the same a second time.
    const undone = outcomes["all down"]?.error === undefined ? outcomes["all down"] : undefined;
    const again = known?.(phase) ?? (phase === "each down" ? undone : undefined);
    const [here, there] = await Promise.all([mine.take(steps), again ?? dbmates.take(steps)]);
    outcomes[phase] = there;
    found.push(...compared(here, there).map((line) => `${phase}: ${line}`));
    failed = here.error !== undefined || there.error !== undefined;
    // A mistake in the corpus would hide what comes after it.
    if (here.error !== undefined && there.error !== undefined && !REFUSED.test(history))
      found.push(`${phase}: ${said(here)}`);
  }
  if (!known) comparePhases(folder, history, outcomes);
  await Promise.all(sides.map((side) => side.end()));
  return found;
}

/** One of both, with a database that is created when it first takes steps. */
class Side {
  private readonly way: Way;
  private readonly folder: string;
  private database: Database | undefined;

  constructor(way: Way, folder: string) {
    this.way = way;
    this.folder = folder;
  }

  async take(steps: readonly Step[]): Promise<Outcome> {
    this.database ??= await server.create();
    return server.outcome(this.way, this.database, this.folder, steps);
  }

  /** Leaves the database; the next steps get another. */
  async end(): Promise<void> {
    await this.database?.admin.end();
    this.database = undefined;
  }
}

function compared(here: Outcome, there: Outcome): string[] {
  if (!sameFailure(here, there)) return [`the import ${said(here)}; dbmate ${said(there)}`];
  const lost = there.catalog.filter((line) => !here.catalog.includes(line));
  const added = here.catalog.filter((line) => !there.catalog.includes(line));
  return [...lost.map((line) => `only by dbmate: ${line}`), ...added.map((line) => `only by the import: ${line}`)];
}

function said({ error, step }: Outcome): string {
  return error === undefined ? "succeeds" : `fails at ${step.files.join(" ")}: ${error}`;
}

/** Whether both succeed, or fail at the same file: with the same message, if it comes from PostgreSQL on both sides. */
function sameFailure(here: Outcome, there: Outcome): boolean {
  if (here.error === undefined || there.error === undefined) return here.error === there.error;
  if (here.step.files.join() !== there.step.files.join()) return false;
  const [, message] = /pq: (.*?)(?: at (?:position|column) .*)?(?: \([0-9A-Z]{5}\))?$/m.exec(there.error) ?? [];
  if (message === undefined || !here.error.startsWith("psql:")) return true;
  return here.error.includes(message.replace(/history_\d+/, ""));
}

test("the corpus has at least 120 files", () => {
  expect(HISTORIES.flatMap((history) => readdirSync(join(CORPUS, history))).length).toBeGreaterThanOrEqual(120);
});

test("the guide has the table of differences", () => {
  const guide = readFileSync(join(import.meta.dirname, "../../docs/CLOUD_SQL_MIGRATION_GUIDE.md"), "utf8");
  const [, section = ""] = guide.split("## Differences from dbmate\n");
  const rows = [...(section.split("\n## ")[0] ?? "").matchAll(/^\| (.+?) +\| (.+?) +\| (.+?) +\| (.+?) +\|$/gm)].map(
    (row) => row.slice(1),
  );
  const known = DIFFERENCES.map(({ what, dbmate, here, why }) => [what, dbmate, here, why].join(" | "));
  expect(rows.slice(2).map((row) => row.join(" | "))).toEqual([...new Set(known)]);
});
