/**
 * Writes a shell command, with quotes where a word needs them.
 * @param words The program and its arguments.
 */
export function command(...words: string[]): string {
  return words.map(quoted).join(" ");
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * Breaks a command into lines that a shell takes as one: at blanks between words, never inside one.
 * @param width Columns of a line, the backslash included; a longer word stays whole.
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
