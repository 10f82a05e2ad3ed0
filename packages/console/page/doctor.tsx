import type { Diagnosis, Health } from "../data.ts";
import { ActionButton, Card, Empty, JobCard, Problem, Status, Time } from "./elements.tsx";
import { act, useAction, useTopic } from "./connection.ts";

const HEALTH: Readonly<Record<Diagnosis["verdict"], Health>> = {
  finding: "error",
  consequence: "warning",
  unseen: "idle",
  ok: "ok",
};

const WORDS: Readonly<Record<Diagnosis["verdict"], string>> = {
  finding: "finding",
  consequence: "follows",
  unseen: "not seen",
  ok: "ok",
};

/** The doctor's first line. */
export function summary(rows: readonly Diagnosis[]): string {
  const [first] = rows;
  if (!first) return "";
  return first.verdict === "finding" ? `Most likely cause: ${first.title}: ${first.found}` : "No fault found";
}

function Row({ row }: { readonly row: Diagnosis }) {
  const { problem, run, running } = useAction();
  const isBusy = useTopic("job")?.state === "running";
  const { because = [], check, fix, found, runs, title, verdict } = row;
  return (
    <li class={`row ${verdict}`}>
      <Status health={HEALTH[verdict]}>{WORDS[verdict]}</Status>
      <div>
        <p>
          <b>{title}</b> {found}
          {because.length > 0 && <span class="muted"> (follows from: {because.join(", ")})</span>}
        </p>
        {fix !== undefined && (
          <p class="command">
            <code>{fix}</code>
            {runs && (
              <ActionButton
                kind={verdict === "finding" ? "primary" : "plain"}
                busy={running}
                disabled={isBusy}
                label={`Run the command for ${title}`}
                onClick={() => {
                  run(() => act("run", { check }));
                }}
              >
                Run
              </ActionButton>
            )}
          </p>
        )}
        <Problem text={problem} />
      </div>
    </li>
  );
}

/** The doctor's table, with its commands. */
export function DoctorPage() {
  const doctor = useTopic("doctor");
  const { problem, run, running } = useAction();
  if (!doctor) return <Empty>The doctor looks …</Empty>;
  const { at, problem: blind = "", rows } = doctor;
  const isBad = rows[0]?.verdict === "finding";
  return (
    <div class="stack">
      <Card
        title="Diagnosis"
        aside={
          <span class="filters">
            {at !== undefined && (
              <span class="muted">
                at <Time at={at} />
              </span>
            )}
            <ActionButton
              busy={doctor.running || running}
              onClick={() => {
                run(() => act("diagnose"));
              }}
            >
              Look again
            </ActionButton>
          </span>
        }
      >
        <Problem text={problem} />
        <Problem text={blind} />
        {rows.length > 0 && (
          <p class={`verdict ${isBad ? "bad" : "good"}`} role="status">
            <Status health={isBad ? "error" : "ok"}>{summary(rows)}</Status>
          </p>
        )}
        <ul class="rows">
          {rows.map((row) => (
            <Row key={row.check} row={row} />
          ))}
        </ul>
      </Card>
      <JobCard />
    </div>
  );
}
