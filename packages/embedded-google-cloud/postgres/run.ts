import { type Client, DatabaseError } from "pg";
import { ScriptError, type Statement, statementsOf } from "./script.ts";

/** How much of a line psql prints around an error. */
const EXCERPT = 60;

/**
 * Runs a script like `psql --set ON_ERROR_STOP=1`: statement by statement, each in its own transaction unless the script
 * begins one, until one fails. Discards notices and rows.
 * @param client A dedicated connection; a transaction that the script leaves open ends with it.
 * @throws Error with the message that psql would print.
 */
export async function runScript(client: Client, script: string): Promise<void> {
  let line = 1;
  try {
    for (const statement of statementsOf(script)) {
      line = statement.line;
      await client.query(statement.text).catch((error: unknown) => {
        throw error instanceof DatabaseError ? new ScriptError(asPsql(error, statement), line) : error;
      });
    }
  } catch (cause) {
    const error = cause instanceof ScriptError ? cause : new ScriptError(`error: ${(cause as Error).message}`, line);
    throw new Error(`psql:<stdin>:${error.line}: ${error.message}`, { cause });
  }
}

/** An error as psql prints it. */
function asPsql(error: DatabaseError, statement: Statement): string {
  const parts = [`${error.severity ?? "ERROR"}:  ${error.message}`];
  if (error.position !== undefined) parts.push(place(statement.text, Number(error.position)));
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
