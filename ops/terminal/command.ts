/** Joins a program and its arguments into a shell command, quoting the words that need it. */
export function command(...words: string[]): string {
  return words.map(quoted).join(" ");
}

/** A word as a POSIX shell reads it, in quotes if it needs them, such as a path with a space. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * Wraps a shell command, with a backslash at the end of each line: between words or, where a word is longer than a line, within it.
 * The rest of such a word begins in the first column, because a shell would take spaces for the end of the word.
 * @param width Columns of a line, including indent and backslash.
 * @param indent Columns before each other line; the lines after the first have two more.
 */
export function wrapCommand(text: string, width: number, indent = 0): string[] {
  const words = text.match(/(?:'[^']*'|"[^"]*"|\\.|[^\s'"])+/g) ?? [];
  const most = width - 2; // for the space and the backslash
  const lines: string[] = [];
  for (const word of words) {
    const line = lines.at(-1);
    const margin = " ".repeat(line === undefined ? indent : indent + 2);
    if (line !== undefined && line.length + 1 + word.length <= most) lines[lines.length - 1] = `${line} ${word}`;
    else if (margin.length + word.length <= most) lines.push(margin + word);
    else lines.push(...pieces(word, most));
  }
  return lines.map((line, index) => {
    const next = lines[index + 1];
    if (next === undefined) return line;
    return line.endsWith(JOINT) ? line.replace(JOINT, "\\") : `${line} \\`;
  });
}

/** Stands for a backslash after which the word goes on. */
const JOINT = "\0";

/** A word in pieces that a shell joins: single quotes are closed before the end of a line, and opened again. */
function pieces(word: string, most: number): string[] {
  const lines: string[] = [];
  let line = "";
  let quote = "";
  for (let at = 0; at < word.length;) {
    const [part = ""] = /^(\\.|.)/su.exec(quote === "'" ? (word[at] ?? "") : word.slice(at)) ?? [];
    if (line.length + part.length > most) {
      lines.push(line + (quote === "'" ? quote : "") + JOINT);
      line = quote === "'" ? quote : "";
    }
    line += part;
    if (part === quote) quote = "";
    else if (quote === "" && /^['"]$/.test(part)) quote = part;
    at += part.length;
  }
  return [...lines, line];
}
