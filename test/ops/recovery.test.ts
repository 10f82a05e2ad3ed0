import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { recoveries } from "../e2e/recovery.ts";

const ROOT = join(import.meta.dirname, "../..");

/** A row of the table of recovery objectives. */
interface Row {
  readonly lost: string;
  /** What a person on call types, in order; a sentence if nothing. */
  readonly commands: readonly string[] | string;
  /** The measurements that `test/e2e/recovery.json` has, with words before each; a sentence if it has none. */
  readonly embedded: Readonly<Record<string, string>> | string;
  readonly google: string;
  readonly staging: string;
  /** A test file, and the name of the test in it. */
  readonly test: readonly [file: string, name: string];
}

const DOCS = "https://cloud.google.com";

const ROWS: readonly Row[] = [
  {
    lost: "a zone",
    commands: "none: Cloud SQL changes to the standby, which prod has",
    embedded: "no zones; while the instance restarts, requests wait and none fails",
    google: `begins [about 60 s](${DOCS}/sql/docs/postgres/high-availability) after the instance stopped answering; nothing committed is lost`,
    staging: "how long it takes under load: `gcloud sql instances failover`",
    test: [
      "test/e2e/adoption.test.ts",
      "answers every request once the faults are repaired, also while the instance restarts",
    ],
  },
  {
    lost: "the instance",
    commands: ["npm run up -- --stack S --new-instance", "npm run migration -- restore --stack S --backup BACKUP"],
    embedded: { instance: "" },
    google: `[keeps a final backup](${DOCS}/sql/docs/postgres/backup-recovery/backups#final-backups) for the days that were asked; no figure for the time`,
    staging: "how long a new instance and the restore take, with as much data",
    test: [
      "test/e2e/migrations.test.ts",
      "puts the rows of a deleted instance into the one that takes its place, from the backup that was kept",
    ],
  },
  {
    lost: "the region",
    commands: ["npm run failover -- --stack S"],
    embedded: { primary: "only the primary: ", region: "all of it: ", drill: "a drill: " },
    google: `[replication is asynchronous](${DOCS}/sql/docs/postgres/replication), so the lag is lost; no figure for a promotion`,
    staging: "the lag between two regions and the time of a promotion: `npm run failover -- --stack staging --drill`",
    test: [
      "test/e2e/failover.test.ts",
      "fails over when the region is lost, leaves what is in it, and finishes once it is back",
    ],
  },
  {
    lost: "rows, by a bad migration",
    commands: ["npm run migration -- restore --stack S --backup BACKUP"],
    embedded: { migration: "" },
    google: `a clone loses what was written after the [latest recovery time](${DOCS}/sdk/gcloud/reference/sql/instances/get-latest-recovery-time); no figure for either time`,
    staging: "how long a restore and a clone take, with as much data",
    test: [
      "test/e2e/migrations.test.ts",
      "restores rows, versions and configuration from a backup, and keeps the current passwords",
    ],
  },
  {
    lost: "nothing, by a bad release",
    commands: ["npm run up -- --stack S"],
    embedded: "0 s; the revision gets no traffic, and no request fails",
    google: `[sends the traffic back](${DOCS}/run/docs/rollouts-rollbacks-traffic-migration) to a former revision, if one got any; no figure`,
    staging: "whether the trial finds what users would",
    test: ["test/e2e/rollout.ts", "gives no traffic to a revision that answers 500, and reports it"],
  },
  {
    lost: "the state",
    commands: ["gcloud storage cp OBJECT#GENERATION OBJECT --project=PROJECT", "npm run up -- --stack S --refresh"],
    embedded: { state: "" },
    google: `[keeps former versions](${DOCS}/storage/docs/object-versioning), a year and ten of them here, and [deleted ones](${DOCS}/storage/docs/soft-delete) 30 days`,
    staging: "who on call may write the bucket",
    test: [
      "test/e2e/migrations.test.ts",
      "takes an earlier version of a lost state, and a refresh brings it up to date",
    ],
  },
  {
    lost: "a version of the key",
    commands: [
      "gcloud kms keys versions restore VERSION --key=KEY --keyring=pulumi --location=LOCATION --project=PROJECT",
      "gcloud kms keys versions enable VERSION --key=KEY --keyring=pulumi --location=LOCATION --project=PROJECT",
    ],
    embedded: "not measured: its keys have no versions; no update until then, users notice nothing",
    google: `[destroys it](${DOCS}/kms/docs/destroy-restore) 120 days after the request here; then the stack must be [adopted](#adopting-production) again`,
    staging: "who on call may restore it",
    test: [
      "test/ops/bootstrap/command.test.ts",
      "gets a rotating key with delayed destruction, which prod's previewer cannot use",
    ],
  },
];

/** `UPDATE_GOLDEN=1 npx jest test/ops/recovery` updates the table, from what `UPDATE_GOLDEN=1 npm run test:faults` measured. */
test("docs/DEPLOYMENT.md has the recovery objectives as they were measured", () => {
  const measured = recoveries();
  const figure = ([what, words]: [string, string]) => {
    const { lost, seconds } = measured[what] ?? { lost: "", seconds: NaN };
    return `${words}${seconds} s; lost: ${lost}`;
  };
  const rows = ROWS.map(({ commands, embedded, google, lost, staging, test: [file, name] }) => [
    lost,
    typeof commands === "string" ? commands : commands.map((each) => `\`${each}\``).join(", then "),
    typeof embedded === "string" ? embedded : Object.entries(embedded).map(figure).join("<br>"),
    google,
    staging,
    `[${name}](../${file})`,
  ]);
  const head = ["lost", "command", "on the embedded cloud", "Google publishes", "only staging can tell", "test"];
  const cells = [head, head.map(() => ""), ...rows];
  const width = (column: number) => Math.max(...cells.map((row) => row[column]?.length ?? 0));
  const lines = cells.map(
    (row, line) => `| ${row.map((cell, column) => cell.padEnd(width(column), line === 1 ? "-" : " ")).join(" | ")} |`,
  );
  const path = join(ROOT, "docs", "DEPLOYMENT.md");
  const document = readFileSync(path, "utf8");
  const updated = document.replace(/^\| lost +\| command .+$(\n\|.+$)+/m, () => lines.join("\n"));
  if (process.env.UPDATE_GOLDEN !== undefined) writeFileSync(path, updated);
  expect(process.env.UPDATE_GOLDEN === undefined ? document : updated).toBe(updated);
  expect(updated).toContain(lines.join("\n"));
});

test.each(ROWS.map(({ lost, test: [file, name] }) => [lost, file, name]))(
  "%s: %s has its test",
  (_lost, file, name) => {
    expect(readFileSync(join(ROOT, file), "utf8")).toContain(`"${name}"`);
  },
);

test("every measurement is in the table", () => {
  const shown = ROWS.flatMap(({ embedded }) => (typeof embedded === "string" ? [] : Object.keys(embedded)));
  expect(Object.keys(recoveries()).sort()).toEqual(shown.sort());
});
