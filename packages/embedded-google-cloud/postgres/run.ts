import { type Client, type Connection, DatabaseError, type Submittable } from "pg";
import { ScriptError, type Statement, statementsOf } from "./script.ts";

/** How much of a line psql prints around an error. */
const EXCERPT = 60;

/** How many INSERT statements are sent at once, and their length: a row costs less than a round trip. */
const MOST = { statements: 100, characters: 100_000 };

/**
 * Runs a script like `psql --set ON_ERROR_STOP=1`: statement by statement, each in its own transaction unless the script
 * begins one, until one fails. Discards notices and rows.
 * @param client A dedicated connection; a transaction that the script leaves open ends with it.
 * @throws Error with the message that psql would print.
 */
export async function runScript(client: Client, script: string): Promise<void> {
  let line = 1;
  try {
    for (const group of groups(statementsOf(script))) {
      line = group[0]?.line ?? line;
      await runGroup(client, group);
    }
  } catch (cause) {
    const error = cause instanceof ScriptError ? cause : new ScriptError(`error: ${(cause as Error).message}`, line);
    throw new Error(`psql:<stdin>:${error.line}: ${error.message}`, { cause });
  }
}

/** Puts neighbouring INSERT statements together; the other statements stay alone. */
function* groups(statements: Iterable<Statement>): Generator<Statement[]> {
  let group: Statement[] = [];
  let characters = 0;
  try {
    for (const statement of statements) {
      const inserts = statement.command === "insert" && statement.text.endsWith(";");
      if (group.length === MOST.statements || characters > MOST.characters || !inserts) {
        if (group.length > 0) yield group;
        group = [];
        characters = 0;
      }
      if (!inserts) yield [statement];
      else {
        group.push(statement);
        characters += statement.text.length;
      }
    }
  } catch (error) {
    // psql runs what stands before the command that it does not know.
    if (group.length > 0) yield group;
    throw error;
  }
  if (group.length > 0) yield group;
}

/**
 * Runs statements one after the other in a single message. Outside of a transaction, COMMIT separates them, so that each is kept
 * even if the next fails.
 */
async function runGroup(client: Client, group: readonly Statement[]): Promise<void> {
  const [first] = group;
  const separator = client.getTransactionStatus() !== "I" || group.length === 1 ? "" : "COMMIT;";
  const { completed, error } = await send(client, group.map(({ text }) => text + separator).join(""), first?.rows);
  if (error === undefined) return;
  if (!(error instanceof DatabaseError)) throw error;
  if (completed === 0 && separator !== "") {
    // PostgreSQL parses a message before it runs any of it: the statements before one that is no SQL still have to run.
    for (const one of group) await runGroup(client, [one]);
    return;
  }
  const { index, before } = failedIn(group, separator, completed, error);
  const failed = group[index];
  if (failed) throw new ScriptError(asPsql(error, failed, before), failed.line);
}

/** Which statement of a message failed, and how many code points stand before it. */
function failedIn(
  group: readonly Statement[],
  separator: string,
  completed: number,
  { position }: DatabaseError,
): { index: number; before: number } {
  const lengths = group.map(({ text }) => Array.from(text + separator).length);
  let index = separator === "" ? completed : Math.floor(completed / 2);
  let before = lengths.slice(0, index).reduce((sum, length) => sum + length, 0);
  // None was run because a later one is no SQL.
  while (completed === 0 && index < group.length - 1 && Number(position) > before + (lengths[index] ?? 0)) {
    before += lengths[index++] ?? 0;
  }
  return { index, before };
}

/** Bytes of rows in one message, so that PostgreSQL reads the first while the next are sent. */
const CHUNK = 2 ** 18;

/** What PostgreSQL answered to a message. */
interface Answer {
  /** How many statements it completed. */
  readonly completed: number;
  readonly error: Error | undefined;
}

/** The methods of pg's connection that its types leave out. */
interface Wire {
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
  sendCopyFail(reason: string): void;
}

/** Sends statements, and rows if PostgreSQL asks for them; reads no results. */
function send(client: Client, text: string, rows: string | undefined): Promise<Answer> {
  return new Promise((resolve) => {
    let completed = 0;
    const exchange: Submittable & Record<`handle${string}`, (...args: never[]) => void> = {
      submit: (connection: Connection) => {
        (connection as unknown as Wire).query(text);
      },
      handleCommandComplete: () => {
        completed++;
      },
      handleCopyInResponse: (connection: Wire) => {
        if (rows === undefined) {
          connection.sendCopyFail("the script has no rows for it");
          return;
        }
        const bytes = Buffer.from(rows);
        for (let at = 0; at < bytes.length; at += CHUNK) connection.sendCopyFromChunk(bytes.subarray(at, at + CHUNK));
        connection.endCopyFrom();
      },
      // The client drops the exchange then, and waits itself until PostgreSQL is ready.
      handleError: (error: Error) => {
        resolve({ completed, error });
      },
      handleReadyForQuery: () => {
        resolve({ completed, error: undefined });
      },
      handleRowDescription: ignore,
      handleDataRow: ignore,
      handleEmptyQuery: ignore,
      handleCopyData: ignore,
    };
    client.query(exchange);
  });
}

function ignore(): void {
  // psql prints it, and an import shows it to nobody.
}

/** An error as psql prints it. @param before How many code points were sent before the statement. */
function asPsql(error: DatabaseError, statement: Statement, before: number): string {
  const parts = [`${error.severity ?? "ERROR"}:  ${error.message}`];
  if (error.position !== undefined) parts.push(place(statement.text, Number(error.position) - before));
  if (error.detail) parts.push(`DETAIL:  ${error.detail}`);
  if (error.hint) parts.push(`HINT:  ${error.hint}`);
  if (error.where) parts.push(`CONTEXT:  ${error.where}`);
  return parts.join("\n");
}

/** @param position In code points, from 1. */
function place(text: string, position: number): string {
  const before = Array.from(text)
    .slice(0, position - 1)
    .join("");
  const number = before.split("\n").length;
  const column = before.length - (before.lastIndexOf("\n") + 1);
  const from = Math.max(0, column - EXCERPT / 2);
  const whole = text.split("\n")[number - 1] ?? "";
  const label = `LINE ${number}: `;
  return `${label}${whole.slice(from, from + EXCERPT)}\n${" ".repeat(label.length + column - from)}^`;
}
