/**
 * The word that somebody probably meant: one that begins with the text or that the text begins with, else the one that takes the
 * fewest changes of letters, at most half as many as it has.
 */
export function nearest(text: string, words: readonly string[]): string | undefined {
  const lower = text.toLowerCase();
  const begun = words.find((word) => word.startsWith(lower) || lower.startsWith(word));
  if (begun !== undefined) return begun;
  const ranked = words.map((word) => ({ word, changes: distance(lower, word) }));
  const [best] = ranked.toSorted((one, other) => one.changes - other.changes);
  return best && best.changes <= best.word.length / 2 ? best.word : undefined;
}

/** Levenshtein's distance. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let line = 1; line <= from.length; line++) {
    const next = [line];
    for (let column = 1; column <= to.length; column++) {
      const replaced = (row[column - 1] ?? 0) + (from[line - 1] === to[column - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
