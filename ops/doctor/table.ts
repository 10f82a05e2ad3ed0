import { wrapCommand } from "../terminal/command.ts";
import type { Row } from "./diagnosis.ts";
import { notLookedAt, sentence, summary } from "./verdict.ts";

/** Columns of a line, as many as every terminal has. */
const WIDTH = 80;
/** Columns of the verdict. */
const MARGIN = 13;

/** ANSI colours by verdict. */
const COLOUR = { finding: 31, consequence: 33, ok: 32 } as const;

/**
 * The diagnosis for a terminal: the verdict in the first line; what is wrong, each with its fix; in a line what is well; and last
 * what was not looked at.
 * @param colour Whether the terminal shows colours.
 */
export function render(rows: readonly Row[], colour: boolean): string {
  const wrong = rows.filter(({ verdict }) => verdict === "finding" || verdict === "consequence");
  const well = rows.filter(({ verdict }) => verdict === "ok").length;
  const passed = `${well} check${well === 1 ? "" : "s"} passed; --json lists them`;
  const unseen = notLookedAt(rows);
  const parts = [
    wrapped(summary(rows), WIDTH),
    ...wrong.map((row) => [...marked(row.verdict, `${row.title}: ${sentence(row)}`, colour), ...commandOf(row)]),
    well === 0 ? [] : marked("ok", passed, colour),
    unseen === undefined ? [] : wrapped(unseen, WIDTH),
  ];
  const lines = parts.filter(({ length }) => length > 0).map((part) => part.map((line) => line.trimEnd()).join("\n"));
  return `${lines.join("\n\n")}\n`;
}

/** A text beside its verdict. */
function marked(verdict: Row["verdict"], text: string, colour: boolean): string[] {
  const [first = "", ...rest] = wrapped(text, WIDTH - MARGIN);
  const word = verdict.padEnd(MARGIN);
  const shown = colour && verdict !== "unseen" ? `\u001b[${COLOUR[verdict]}m${word}\u001b[0m` : word;
  return [shown + first, ...rest.map((line) => " ".repeat(MARGIN) + line)];
}

function commandOf({ fix }: Row): string[] {
  if (fix === undefined) return [];
  const prompt = `${" ".repeat(MARGIN)}$ `;
  const [first = "", ...rest] = wrapCommand(fix, WIDTH, prompt.length);
  return [prompt + first.trimStart(), ...rest];
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
