import { useState } from "preact/hooks";
import type { Answer, Call, Health, LogLine, ServiceRequest, Traffic } from "../data.ts";
import { ActionButton, Card, Choice, Empty, Problem, Status, Time } from "./elements.tsx";
import { act, useAction, useTopic } from "./connection.ts";

function healthOf(status: number): Health {
  return status === 0 || status >= 500 ? "error" : status >= 400 ? "warning" : "ok";
}

/** JSON in lines; any other text unchanged. */
function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2);
  } catch {
    return text;
  }
}

/** The answers of the service to the page's own requests. */
export function Answers({ answers }: { readonly answers: readonly Answer[] }) {
  return (
    <>
      {answers.map(({ body, milliseconds, request, status }) => (
        <div class="answer" key={request}>
          <p>
            <code>{request.replace(/([0-9a-f]{8})-[0-9a-f-]{27}/, "$1…")}</code>
            <Status health={healthOf(status)}>{status === 0 ? "no answer" : String(status)}</Status>
            <span class="muted">{milliseconds} ms</span>
          </p>
          <pre class="body" tabIndex={0} aria-label={`Body of the answer to ${request.replace(/\/[0-9a-f-]{36}/, "")}`}>
            {pretty(body)}
          </pre>
        </div>
      ))}
    </>
  );
}

function Send() {
  const { problem, run, running } = useAction();
  const [answers, setAnswers] = useState<readonly Answer[]>([]);
  const send = async () => {
    setAnswers(await act<readonly Answer[]>("send"));
  };
  return (
    <Card
      title="Settlement command"
      aside={
        <ActionButton
          kind="primary"
          busy={running}
          onClick={() => {
            run(send);
          }}
        >
          Send one
        </ActionButton>
      }
    >
      <Problem text={problem} />
      <div aria-live="polite">
        {answers.length === 0 ? (
          <Empty>
            Sends the request of the incident, <code>POST /commands</code>, and reads the command back.
          </Empty>
        ) : (
          <Answers answers={answers} />
        )}
      </div>
    </Card>
  );
}

/** How many revisions are shown, the newest first. */
const SHARES = 3;

function Shares({ traffic }: { readonly traffic: Traffic }) {
  return (
    <Card title="Traffic">
      <ul class="shares">
        {traffic.shares.slice(0, SHARES).map(({ health, percent, revision, says, tag }) => (
          <li key={revision}>
            <p>
              <span class="name">{revision}</span>
              {tag !== undefined && <span class="tag">{tag}</span>}
              <Status health={health}>{says}</Status>
              <b>{percent} %</b>
            </p>
            <meter min={0} max={100} value={percent} aria-label={`Traffic of ${revision}`} />
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Recent({ requests }: { readonly requests: readonly ServiceRequest[] }) {
  return (
    <Card title="Recent requests" class="tall">
      {requests.length === 0 ? (
        <Empty>No request yet.</Empty>
      ) : (
        <div class="scroll" tabIndex={0} role="region" aria-label="Table of recent requests">
          <table>
            <thead>
              <tr>
                <th scope="col">Time</th>
                <th scope="col">Request</th>
                <th scope="col">Status</th>
                <th scope="col" class="number">
                  Duration
                </th>
                <th scope="col">Revision</th>
              </tr>
            </thead>
            <tbody>
              {requests.map(({ at, id, method, milliseconds, path, revision, status }) => (
                <tr key={id}>
                  <td>
                    <Time at={at} />
                  </td>
                  <td class="path">
                    {method} {path}
                  </td>
                  <td>
                    <Status health={healthOf(status)}>{String(status)}</Status>
                  </td>
                  <td class="number">{milliseconds} ms</td>
                  <td class="path">{revision.replace(/^settlement-service-/, "…")}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}

/** How many calls are shown. */
const SHOWN = 120;

function Calls({ calls }: { readonly calls: readonly Call[] }) {
  const [text, setText] = useState("");
  const [kind, setKind] = useState("all");
  const found = calls.filter(
    (call) =>
      (kind === "all" || (kind === "errors" ? call.status >= 400 : call.method !== "GET")) &&
      [call.method, call.path, call.caller, ...call.permissions, call.status]
        .join(" ")
        .toLowerCase()
        .includes(text.toLowerCase()),
  );
  return (
    <Card
      title="Calls of Google's APIs"
      class="tall"
      aside={
        <span class="filters">
          <input
            type="search"
            placeholder="Filter"
            aria-label="Filter the calls"
            value={text}
            onInput={(event) => {
              setText(event.currentTarget.value);
            }}
          />
          <Choice label="Kind of calls" of={["all", "changes", "errors"]} value={kind} onChange={setKind} />
        </span>
      }
    >
      {found.length === 0 ? (
        <Empty>No call yet. Every call of the embedded cloud appears here, except this page's own.</Empty>
      ) : (
        <div class="scroll" tabIndex={0} role="region" aria-label="Table of calls">
          <table>
            <thead>
              <tr>
                <th scope="col">Time</th>
                <th scope="col">Call</th>
                <th scope="col">Answer</th>
                <th scope="col">Caller and permission</th>
              </tr>
            </thead>
            <tbody>
              {found.slice(0, SHOWN).map(({ at, caller, id, message, method, path, permissions, status }) => (
                <tr key={id}>
                  <td>
                    <Time at={at} />
                  </td>
                  <td class="path">
                    <b>{method}</b> {path}
                    {message !== undefined && <span class="message">{message}</span>}
                  </td>
                  <td>
                    <Status health={healthOf(status)}>{String(status)}</Status>
                  </td>
                  <td class="path">
                    {caller}
                    <span class="muted"> {permissions.join(", ")}</span>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}

const SEVERE: Readonly<Record<string, Health>> = {
  ERROR: "error",
  CRITICAL: "error",
  ALERT: "error",
  WARNING: "warning",
};

function Logs({ lines }: { readonly lines: readonly LogLine[] }) {
  const [source, setSource] = useState("all");
  const found = lines.filter((line) => source === "all" || line.source === source);
  return (
    <Card
      title="Logs"
      class="tall"
      aside={
        <Choice
          label="Source of the lines"
          of={["all", "service", "Cloud Run", "PostgreSQL"]}
          value={source}
          onChange={setSource}
        />
      }
    >
      {found.length === 0 ? (
        <Empty>No line yet.</Empty>
      ) : (
        <div class="scroll" tabIndex={0} role="region" aria-label="Lines of the logs">
          <table>
            <thead class="hidden">
              <tr>
                <th scope="col">Time</th>
                <th scope="col">Source</th>
                <th scope="col">Line</th>
              </tr>
            </thead>
            <tbody>
              {found.map(({ at, id, severity, source: from, text }) => (
                <tr key={id}>
                  <td>
                    <Time at={at} />
                  </td>
                  <td>
                    <Status health={SEVERE[severity] ?? "idle"}>{from}</Status>
                  </td>
                  <td class="line">{text}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}

/** Requests to the service, calls of the APIs, and logs. */
export function RequestsPage() {
  const traffic = useTopic("traffic");
  const calls = useTopic("calls") ?? [];
  const logs = useTopic("logs") ?? [];
  if (!traffic) return <Empty>Reading the service …</Empty>;
  return (
    <div class="grid">
      <Send />
      <Shares traffic={traffic} />
      <Recent requests={traffic.requests} />
      <Logs lines={logs} />
      <Calls calls={calls} />
    </div>
  );
}
