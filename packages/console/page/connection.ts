import { useEffect, useState } from "preact/hooks";
import type { Topics } from "../data.ts";

/** What a page load knows of the server. */
export type Link = "connecting" | "connected" | "lost" | "refused";

const STORED = "console-token";

/** Before the next try to connect, in milliseconds. */
const RETRY = 1_000;

const values = new Map<keyof Topics, unknown>();
const listeners = new Set<() => void>();
let link: Link = "connecting";

/** Takes the token out of the address, where the terminal printed it, and keeps it for this tab. */
function takeToken(): string {
  const [, given] = /^#([\w-]{20,})$/.exec(location.hash) ?? [];
  if (given !== undefined) {
    sessionStorage.setItem(STORED, given);
    history.replaceState(null, "", "#/system");
  }
  return sessionStorage.getItem(STORED) ?? "";
}

const token = takeToken();

function changed(): void {
  for (const listener of listeners) listener();
}

/** Reads the server's events, with the token as a header, which EventSource cannot send. */
async function read(): Promise<void> {
  const response = await fetch("/events", { headers: { authorization: `Bearer ${token}` } });
  if (response.status === 401) {
    link = "refused";
    return;
  }
  if (!response.body) return;
  link = "connected";
  const decoded = response.body.pipeThrough(new TextDecoderStream());
  let rest = "";
  for await (const text of decoded as unknown as AsyncIterable<string>) {
    const events = (rest + text).split("\n\n");
    rest = events.pop() ?? "";
    for (const event of events) {
      const [, topic, data] = /^event: (.*)\ndata: (.*)$/.exec(event) ?? [];
      if (topic !== undefined && data !== undefined) values.set(topic as keyof Topics, JSON.parse(data));
    }
    changed();
  }
}

/** Follows the server for as long as the page is open. */
export async function follow(): Promise<void> {
  for (;;) {
    await read().catch(() => undefined); // shown as a lost connection
    if (link === "connected") link = "lost";
    changed();
    if (link === "refused") return;
    await new Promise((resolve) => setTimeout(resolve, RETRY));
  }
}

function useChanges(): void {
  const [, render] = useState(0);
  useEffect(() => {
    const listener = () => {
      render((count) => count + 1);
    };
    listeners.add(listener);
    listener(); // something may have come since the first rendering
    return () => {
      listeners.delete(listener);
    };
  }, []);
}

/** The newest value of a topic; undefined before the first. */
export function useTopic<T extends keyof Topics>(topic: T): Topics[T] | undefined {
  useChanges();
  return (values.get(topic) ?? undefined) as Topics[T] | undefined;
}

/** The state of the connection. */
export function useLink(): Link {
  useChanges();
  return link;
}

/** Has the server do something. @throws Error with the server's message. */
export async function act<T>(action: string, body: object = {}): Promise<T> {
  const response = await fetch(`/actions/${action}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as T & { error?: string };
  if (!response.ok) throw new Error(answer.error ?? `The console answered ${response.status}.`);
  return answer;
}

/** An action with a button: whether it runs, and why the last one was refused. */
export function useAction(): { running: boolean; problem: string; run: (work: () => Promise<unknown>) => void } {
  const [running, setRunning] = useState(false);
  const [problem, setProblem] = useState("");
  const run = (work: () => Promise<unknown>) => {
    setRunning(true);
    setProblem("");
    work()
      .catch((error: unknown) => {
        setProblem((error as Error).message);
      })
      .finally(() => {
        setRunning(false);
      });
  };
  return { running, problem, run };
}
