/**
 * The words of a command that a shell would read, with quotes but nothing else that a shell interprets.
 * @returns Undefined if the command needs a shell.
 */
export function wordsOf(command: string): string[] | undefined {
  const words: string[] = [];
  for (let rest = command.trim(); rest !== "";) {
    const [found, ...parts] = /^(?:'[^']*'|[\w@%+=:,./-])+(?=\s|$)/.exec(rest) ?? [];
    if (found === undefined || parts.length > 0) return undefined;
    words.push(found.replaceAll("'", ""));
    rest = rest.slice(found.length).trimStart();
  }
  return words;
}
