import { stripVTControlCharacters } from "node:util";

/** What a command prints to. */
export interface Screen {
  /** Columns of a line; infinite where lines are not wrapped. */
  readonly width: number;
  readonly colour: boolean;
}

/**
 * A stream as a screen: a terminal has a width, and colours unless `NO_COLOR` or `TERM=dumb` says otherwise; a file and a
 * pipe have neither, so that their reader finds whole lines.
 */
export function screenOf(stream: Pick<NodeJS.WriteStream, "columns" | "hasColors" | "isTTY"> = process.stdout): Screen {
  if (!stream.isTTY) return { width: Infinity, colour: false };
  // Some terminals report no width.
  return { width: stream.columns || 80, colour: stream.hasColors() };
}

/** ANSI's codes of what we use: https://en.wikipedia.org/wiki/ANSI_escape_code#Select_Graphic_Rendition_parameters */
const CODES = { bold: 1, red: 31, green: 32, yellow: 33, cyan: 36 } as const;

/** Colours a text, on a screen that has colours. */
export function paint({ colour }: Screen, kind: keyof typeof CODES, text: string): string {
  return colour ? `\u001b[${CODES[kind]}m${text}\u001b[0m` : text;
}

const CHARACTERS = new Intl.Segmenter();

/** How many columns a text takes, without its colours. */
export function columns(text: string): number {
  return [...CHARACTERS.segment(stripVTControlCharacters(text))].length;
}

/**
 * Wraps lines between words; a longer word is kept whole, so that it can be copied.
 * @param width Columns of a line.
 * @param indent Put before every line but the first; part of the width.
 */
export function wrap(text: string, width: number, indent = ""): string {
  const lines = text.split("\n").flatMap((line) => {
    const wrapped: string[] = [];
    for (const word of line.split(" ")) {
      const last = wrapped.at(-1);
      if (last !== undefined && columns(last) + 1 + columns(word) <= width - indent.length) {
        wrapped[wrapped.length - 1] = `${last} ${word}`;
      } else wrapped.push(word);
    }
    return wrapped;
  });
  return lines.join(`\n${indent}`);
}
