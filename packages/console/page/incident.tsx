import type { FaultInfo, Incident, Step } from "../data.ts";
import { ActionButton, Card, Empty, JobCard, Problem, Status } from "./elements.tsx";
import { summary } from "./doctor.tsx";
import { act, useAction, useTopic } from "./connection.ts";

const PHASES: Readonly<Record<Incident["phase"], readonly ["ok" | "busy" | "error", string]>> = {
  healthy: ["ok", "the service works"],
  breaking: ["busy", "under way"],
  broken: ["error", "the service fails"],
  fixing: ["busy", "fixing"],
  rotating: ["busy", "rotating"],
};

interface SwitchProps {
  readonly fault: FaultInfo;
  readonly incident: Incident;
}

function Switch({ fault, incident }: SwitchProps) {
  const { problem, run, running } = useAction();
  const { fault: current, phase } = incident;
  const isSet = current === fault.id && phase !== "healthy";
  return (
    <li class={`switch ${isSet ? "on" : ""}`}>
      <div>
        <h3>{fault.title}</h3>
        <p>{fault.story}</p>
        <p class="muted">{fault.how}</p>
        <Problem text={problem} />
      </div>
      <button
        type="button"
        role="switch"
        class="toggle"
        aria-checked={isSet}
        aria-label={fault.title}
        disabled={phase !== "healthy" || running}
        onClick={() => {
          run(() => act("break", { fault: fault.id }));
        }}
      >
        <span />
      </button>
    </li>
  );
}

function Steps({ steps }: { readonly steps: readonly Step[] }) {
  return (
    <ol class="steps" aria-live="polite">
      {steps.map(({ detail, health, text }, index) => (
        <li key={`${index} ${text}`}>
          <Status health={health}>{text}</Status>
          {detail !== undefined && (
            <pre class="body" tabIndex={0} aria-label={`Detail of step ${index + 1}`}>
              {detail}
            </pre>
          )}
        </li>
      ))}
    </ol>
  );
}

function Replay({ incident }: { readonly incident: Incident }) {
  const { problem, run, running } = useAction();
  const rows = useTopic("doctor")?.rows ?? [];
  const { phase, steps, stream } = incident;
  const [health, says] = PHASES[phase];
  const [first] = rows;
  const command = first?.verdict === "finding" ? first.fix : undefined;
  return (
    <Card title="What happens" class="happens" aside={<Status health={health}>{says}</Status>}>
      {steps.length === 0 && (
        <Empty>Set one of the faults, and see what the caller gets, what the doctor finds, and how it is fixed.</Empty>
      )}
      <Steps steps={steps} />
      {phase === "rotating" && stream && (
        <p class="stream" role="status">
          <b>{stream.sent}</b> requests sent, <b>{stream.failed}</b> failed
        </p>
      )}
      {phase === "broken" && (
        <div class="way-back">
          <p class="verdict bad">
            <Status health="error">{summary(rows)}</Status>
          </p>
          <p class="command">
            <code>{command ?? "npm run doctor -- --stack local"}</code>
            <ActionButton
              kind="primary"
              busy={running}
              label="Fix: run what the doctor says"
              onClick={() => {
                run(() => act("fix"));
              }}
            >
              Fix
            </ActionButton>
          </p>
        </div>
      )}
      <Problem text={problem} />
    </Card>
  );
}

function Rotation({ incident }: { readonly incident: Incident }) {
  const { problem, run, running } = useAction();
  return (
    <Card
      title="Rotation"
      aside={
        <ActionButton
          busy={running}
          disabled={incident.phase !== "healthy"}
          onClick={() => {
            run(() => act("rotate"));
          }}
        >
          Rotate under load
        </ActionButton>
      }
    >
      <p class="muted">
        Renews the database password with <code>npm run rotate</code> while ten settlement commands a second are sent,
        and counts the failed ones.
      </p>
      <Problem text={problem} />
    </Card>
  );
}

/** The faults of the incident, what they cause, and the way back. */
export function IncidentPage() {
  const incident = useTopic("incident");
  if (!incident) return <Empty>Connecting …</Empty>;
  return (
    <div class="columns incident">
      <div class="stack">
        <Card title="25 October 2025: the service answers 500">
          <ul class="switches">
            {incident.faults.map((fault) => (
              <Switch key={fault.id} fault={fault} incident={incident} />
            ))}
          </ul>
        </Card>
        <Rotation incident={incident} />
      </div>
      <div class="stack">
        <Replay incident={incident} />
        <JobCard />
      </div>
    </div>
  );
}
