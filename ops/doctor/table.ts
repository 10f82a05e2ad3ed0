import { wrapCommand } from "../terminal/command.ts";
import type { Row } from "./diagnosis.ts";
import { notLookedAt, sentence, summary } from "./verdict.ts";

/** Columns of a terminal line. */
const WIDTH = 120;
/** Column widths. */
const VERDICT = 13;
const TITLE = 25;

/** ANSI colours by verdict. */
const COLOUR = { finding: 31, consequence: 33, unseen: 36, ok: 32 } as const;

/** The diagnosis for a terminal: the verdict in the first line, then a table, and last what was not looked at. */
export function render(rows: readonly Row[], colour: boolean): string {
  const lines = [
    ...wrapped(summary(rows), WIDTH),
    "",
    `${"VERDICT".padEnd(VERDICT)}${"CHECK".padEnd(TITLE)}FINDING AND FIX`,
  ];
  for (const row of rows) {
    const [first = "", ...rest] = wrapped(sentence(row), WIDTH - VERDICT - TITLE);
    const verdict = row.verdict.padEnd(VERDICT);
    lines.push(
      `${colour ? `\u001b[${COLOUR[row.verdict]}m${verdict}\u001b[0m` : verdict}${row.title.padEnd(TITLE)}${first}`,
    );
    lines.push(...rest.map((line) => " ".repeat(VERDICT + TITLE) + line));
    if (row.fix !== undefined) {
      const [command = "", ...more] = wrapCommand(row.fix, WIDTH - VERDICT - 2);
      lines.push(`${" ".repeat(VERDICT)}$ ${command}`, ...more.map((line) => " ".repeat(VERDICT + 2) + line));
    }
  }
  const unseen = notLookedAt(rows);
  if (unseen !== undefined) lines.push("", ...wrapped(unseen, WIDTH));
  return `${lines.map((line) => line.trimEnd()).join("\n")}\n`;
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`;
    else {
      // A word longer than a line, such as a condition's expression, is split.
      for (let from = 0; from < Math.max(word.length, 1); from += width) lines.push(word.slice(from, from + width));
    }
  }
  return lines;
}
