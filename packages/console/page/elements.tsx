import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Health, Job } from "../data.ts";
import { Icon, type IconName } from "./icons.tsx";
import { useTopic } from "./connection.ts";

const HEALTH_ICONS: Readonly<Record<Health, IconName>> = {
  ok: "check",
  busy: "busy",
  idle: "idle",
  warning: "warning",
  error: "cross",
};

/** A state, by icon and text. */
export function Status({ health, children }: { readonly health: Health; readonly children: ComponentChildren }) {
  return (
    <span class={`status ${health}`}>
      <Icon name={HEALTH_ICONS[health]} />
      <span>{children}</span>
    </span>
  );
}

interface CardProps {
  readonly title: string;
  /** Right of the title. */
  readonly aside?: ComponentChildren;
  readonly class?: string;
  readonly children: ComponentChildren;
}

/** A titled box. */
export function Card({ aside, children, class: extra = "", title }: CardProps) {
  return (
    <section class={`card ${extra}`} aria-label={title}>
      <header>
        <h2>{title}</h2>
        {aside}
      </header>
      {children}
    </section>
  );
}

/** A time of day; the date and time on hover. @param at ISO 8601. */
export function Time({ at }: { readonly at: string }) {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return <span>{at}</span>;
  return (
    <time dateTime={at} title={date.toLocaleString()}>
      {date.toLocaleTimeString(undefined, { hour12: false })}
    </time>
  );
}

interface ChoiceProps {
  /** Its name for a screen reader. */
  readonly label: string;
  readonly of: readonly string[];
  readonly value: string;
  readonly onChange: (value: string) => void;
}

/** A choice of one among some texts. */
export function Choice({ label, of, onChange, value }: ChoiceProps) {
  return (
    <select
      aria-label={label}
      value={value}
      onChange={(event) => {
        onChange(event.currentTarget.value);
      }}
    >
      {of.map((each) => (
        <option key={each} value={each}>
          {each}
        </option>
      ))}
    </select>
  );
}

interface ActionButtonProps {
  readonly onClick: () => void;
  readonly busy?: boolean;
  readonly disabled?: boolean;
  readonly kind?: "primary" | "danger" | "plain";
  /** Its name for a screen reader, if the text is not enough. */
  readonly label?: string;
  readonly children: ComponentChildren;
}

/** A button that shows whether its action runs. */
export function ActionButton({
  busy = false,
  children,
  disabled = false,
  kind = "plain",
  label,
  onClick,
}: ActionButtonProps) {
  return (
    <button type="button" class={`button ${kind}`} disabled={disabled || busy} aria-label={label} onClick={onClick}>
      {busy && <Icon name="busy" />}
      {children}
    </button>
  );
}

/** Why something was refused; empty for nothing. */
export function Problem({ text }: { readonly text: string }) {
  return text === "" ? null : (
    <p class="problem" role="alert">
      <Icon name="cross" /> {text}
    </p>
  );
}

/** A text that is read as it grows, such as a command's output. */
export function Output({ label, text }: { readonly label: string; readonly text: string }) {
  const [box, setBox] = useState<HTMLElement | null>(null);
  useEffect(() => {
    if (box) box.scrollTop = box.scrollHeight;
  }, [box, text]);
  return (
    <pre class="output" ref={setBox} tabIndex={0} role="log" aria-label={label}>
      {text}
    </pre>
  );
}

const JOB_HEALTH: Readonly<Record<Job["state"], Health>> = { running: "busy", done: "ok", failed: "error" };

/** The output of what runs, or ran last. */
export function JobCard() {
  const job = useTopic("job");
  if (!job) return null;
  return (
    <Card title="Output" aside={<Status health={JOB_HEALTH[job.state]}>{job.state}</Status>}>
      {job.command === undefined ? (
        <p>{job.title}</p>
      ) : (
        <p class="command">
          <code>{job.command}</code>
        </p>
      )}
      <Output label="Output of the command" text={job.output === "" ? "…" : job.output} />
    </Card>
  );
}

/** What stands in place of a list without entries. */
export function Empty({ children }: { readonly children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}
