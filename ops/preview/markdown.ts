import { code, fence, prose, summary } from "./escape.ts";
import type { Report } from "./report.ts";
import { type Section, Sections } from "./sections.ts";
import type { Item, Style } from "./style.ts";

/** Maximum size in bytes; GitHub accepts comments of up to 65,536 characters, which is never fewer bytes. */
export const LIMIT = 65_535;

/** The text that identifies a stack's comment, so that later pushes edit it. */
export function marker(stack: string): string {
  return `<!-- settlement preview: ${stack} -->`;
}

/** The operations whose properties are listed, most important first. */
const DETAILS = ["replace", "update", "import", "create"] as const;

const MARKDOWN: Style = {
  code,
  prose,
  fence,
  link: (text, url) => `[${text}](${url})`,
  strong: (text) => `**${text}**`,
  verdict: (sentence, blocked, stack) => `### ${blocked ? "⛔" : "✅"} ${sentence} ${marker(stack)}`,
  paragraph: (text) => text,
  list: (items) => items.flatMap(lines).join("\n"),
  table: (head, rows) => [head, head.map(() => "---"), ...rows].map(row).join("\n"),
  folded: (title, text) => `<details><summary>${summary(title)}</summary>\n\n${text}\n\n</details>`,
};

function lines(item: Item): string[] {
  if (typeof item === "string") return [`- ${item}`];
  return [`- ${item.text}`, ...item.below.map((line) => `  - ${line}`)];
}

function row(cells: readonly string[]): string {
  return `|${cells.map((cell) => ` ${cell}`.trimEnd()).join(" |")} |`;
}

/**
 * Renders the pull request comment, at most {@link LIMIT} bytes and identical for the same report: details are omitted
 * first, from the end, and the comment says what is missing.
 */
export function render(report: Report): string {
  for (const rows of [Infinity, 200, 50, 10]) {
    const sections = new Sections(report, MARKDOWN, rows);
    const all = [...sections.main(), ...sections.details(DETAILS), ...sections.drawing()];
    for (let cut = 0; cut <= all.length; cut++) {
      const text = [sections.head(), ...shortened(all, cut)].join("\n\n") + "\n";
      if (Buffer.byteLength(text) <= LIMIT) return text;
    }
  }
  return `${new Sections(report, MARKDOWN).head()}\n\nThe rest is too long for a comment.\n`;
}

/** The sections without the last ones that may be left out, and a sentence that says what is missing. */
function shortened(sections: readonly Section[], cut: number): string[] {
  const from = sections.length - cut;
  const isLeftOut = ({ what }: Section, index: number) => index >= from && what !== undefined;
  const texts = sections.filter((section, index) => !isLeftOut(section, index)).map(({ text }) => text);
  const missing = sections.filter(isLeftOut).map(({ what }) => what);
  const note = missing.length === 0 ? [] : [`Omitted because of GitHub's size limit: ${missing.join(", ")}.`];
  return [...texts, ...note];
}
