/** Joins a program and its arguments into a shell command, quoting the words that need it. */
export function command(...words: string[]): string {
  return words.map(quoted).join(" ");
}

/** A word as a POSIX shell reads it, in quotes if it needs them, such as a path with a space. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * Wraps a shell command between words, with a backslash at the end of each line.
 * @param width Columns of a line, including the backslash; a longer word is kept whole.
 */
export function wrapCommand(text: string, width: number): string[] {
  const words = text.match(/(?:'[^']*'|"[^"]*"|\\.|[^\s'"])+/g) ?? [];
  const lines: string[] = [];
  for (const word of words) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= width - 2) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(lines.length === 0 ? word : `  ${word}`);
  }
  return lines.map((line, index) => (index < lines.length - 1 ? `${line} \\` : line));
}
