import { type Client, DatabaseError } from "pg";
import { ScriptError, type Statement, statementsOf } from "./script.ts";

/** psql prints no more of a line than this around an error. */
const EXCERPT = 60;

/**
 * Runs a script as `psql --set ON_ERROR_STOP=1` does: statement by statement, each committed by itself unless the script
 * says BEGIN, up to the first that fails. Notices and rows are left aside.
 * @param client A connection of its own; a transaction the script leaves open ends with it.
 * @param script The SQL.
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
    const said = cause instanceof ScriptError ? cause : new ScriptError(`error: ${(cause as Error).message}`, line);
    throw new Error(`psql:<stdin>:${said.line}: ${said.message}`, { cause });
  }
}

/** An error in psql's words: message, place, detail and hint. */
function asPsql(error: DatabaseError, statement: Statement): string {
  const parts = [`${error.severity ?? "ERROR"}:  ${error.message}`];
  if (error.position !== undefined) parts.push(place(statement.text, Number(error.position)));
  if (error.detail) parts.push(`DETAIL:  ${error.detail}`);
  if (error.hint) parts.push(`HINT:  ${error.hint}`);
  if (error.where) parts.push(`CONTEXT:  ${error.where}`);
  return parts.join("\n");
}

/** @param position Of a character, from 1; a character is a code point. */
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
