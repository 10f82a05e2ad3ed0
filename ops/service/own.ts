import type { Google } from "../../infra/google.ts";
import { SERVICE } from "../../infra/names.ts";
import type { Program } from "../../packages/embedded-google-cloud/index.ts";
import { UserError } from "../terminal/user-error.ts";
import { SECRET } from "../terminal/values.ts";

/** A developer's program that runs as the service of the local stack. */
export interface OwnService {
  /** A line for the shell. */
  readonly command: string;
  readonly project: string;
  /** A client of the embedded cloud, as its owner. */
  readonly google: Google;
  /** The owner's. */
  readonly token: string;
}

/** The password in a connection string, which a program may print. */
const PASSWORD = /(:\/\/[^:@/\s]+:)[^@\s]+@/g;

/** Lines of output in an error. */
const LINES = 15;

/** Runs a line in `sh`. SIGTERM asks all its processes to end; the shell waits for the one that it has started. */
export function programOf(command: string): Program {
  return { command: "sh", args: ["-c", `trap 'exit $?' TERM\n${command}`] };
}

/**
 * Asks a service for its health.
 * @param url Of the service.
 * @param began When it was started, at the earliest.
 * @returns The HTTP status.
 * @throws UserError if it does not start or is not healthy, with its last lines of output and what to do.
 */
export async function checkHealth(own: OwnService, url: string, began: Date): Promise<number> {
  const response = await fetch(`${url}/health`, { headers: { authorization: `Bearer ${own.token}` } });
  const text = await response.text();
  if (response.ok) return response.status;
  const answer = `The service \`${own.command}\` answered GET /health with ${response.status}: ${text.slice(0, 500)}`;
  throw (await startError(own, began)) ?? new UserError(answer + lastOutput(await read(own, began)));
}

/**
 * Why a service does not start.
 * @param began When it was started, at the earliest.
 * @returns Its last lines of output and what to do; undefined if Cloud Run has logged no failed start since.
 */
export async function startError(own: OwnService, began: Date): Promise<UserError | undefined> {
  const lines = await read(own, began);
  const end = lines.findIndex(({ system, text }) => system && reasonOf(text) !== undefined);
  const reason = reasonOf(lines[end]?.text ?? "");
  if (reason === undefined) return undefined;
  return new UserError(
    `The service \`${own.command}\` does not start: ${reason.what}.${lastOutput(lines.slice(0, end))}\n${reason.remedy} ` +
      `It runs in ${process.cwd()}, with sh; see "A service of your own" in docs/LOCAL_TOOLS.md.`,
  );
}

/** A line in Cloud Logging. */
interface Line {
  /** Whether it is Cloud Run's own, and not the program's. */
  readonly system: boolean;
  readonly text: string;
}

/** What was written about the service, the oldest line first. */
async function read({ google, project }: OwnService, began: Date): Promise<Line[]> {
  const body: gapi.client.logging.ListLogEntriesRequest = {
    resourceNames: [`projects/${project}`],
    filter: `resource.labels.service_name="${SERVICE}" AND timestamp>="${began.toISOString()}"`,
    orderBy: "timestamp desc",
    pageSize: 1000,
  };
  const call = { api: "logging", path: "entries:list", body } as const;
  const { entries = [] } = await google.call<gapi.client.logging.ListLogEntriesResponse>(call);
  return entries.toReversed().flatMap(({ jsonPayload, logName = "", textPayload }) => {
    const log = /%2F(system|stdout|stderr)$/.exec(logName)?.[1];
    if (log === undefined) return [];
    return { system: log === "system", text: textPayload ?? JSON.stringify(jsonPayload) };
  });
}

interface Reason {
  readonly what: string;
  /** What to do. */
  readonly remedy: string;
}

/** What happened to a program, if a line of Cloud Run says that it has ended. */
function reasonOf(line: string): Reason | undefined {
  const code = /^Container called exit\((\d+)\)/.exec(line)?.[1];
  if (code === "126" || code === "127") {
    return { what: "the command cannot be run", remedy: "Name a program in PATH, or its full path." };
  }
  if (code !== undefined) {
    return { what: `it ended with exit code ${code}`, remedy: "It must keep running, and answer GET /health." };
  }
  const signal = /^Container terminated on signal (\d+)/.exec(line)?.[1];
  if (signal !== undefined) return { what: `it ended by signal ${signal}`, remedy: "It must keep running." };
  if (!/STARTUP \w+ probe failed/.test(line)) return undefined;
  return line.includes("ERROR_CONNECTION_FAILED")
    ? { what: "it does not listen on PORT", remedy: "It must listen on the port in the environment variable PORT." }
    : {
        what: "it does not answer GET /health with 200",
        remedy: "It must do so within a minute, once its database answers.",
      };
}

function lastOutput(lines: readonly Line[]): string {
  const output = lines.filter(({ system }) => !system).slice(-LINES);
  if (output.length === 0) return " It wrote nothing.";
  return `\nIts last lines of output:${output.map(({ text }) => `\n  ${text.replace(PASSWORD, `$1${SECRET}@`)}`).join("")}`;
}
