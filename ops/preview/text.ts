import { columns, paint, type Screen, wrap } from "../terminal/screen.ts";
import { printable } from "../terminal/values.ts";
import type { Report } from "./report.ts";
import { Sections } from "./sections.ts";
import type { Item, Style } from "./style.ts";

/** Renders a preview for a terminal: the properties of what is created, and the diagram, are in the Markdown only. */
export function renderText(report: Report, screen: Screen): string {
  const sections = new Sections(report, styleFor(screen));
  const all = [...sections.main(), ...sections.details(["replace", "update", "import"])];
  return `${[sections.head(), ...all.map(({ text }) => text)].join("\n\n")}\n`;
}

function styleFor(screen: Screen): Style {
  const { width } = screen;
  const prose = (text: string) => text.split("\n").map(printable).join("\n");
  return {
    prose,
    code: prose,
    link: (text, url) => `${text} ${url}`,
    strong: (text) => paint(screen, "bold", text),
    verdict: (sentence, blocked) =>
      wrap(paint(screen, blocked ? "red" : "green", `${blocked ? "✗" : "✓"} ${sentence}`), width, "  "),
    paragraph: (text) => wrap(text, width),
    list: (items) => items.flatMap((item) => lines(item, width)).join("\n"),
    table: (head, rows) => table(rows, head.length, width),
    fence: (language, text) => text.map((line) => coloured(language, printable(line), screen)).join("\n"),
    folded: (title, text) => `${paint(screen, "bold", title)}\n\n${text}`,
  };
}

function lines(item: Item, width: number): string[] {
  if (typeof item === "string") return [`- ${wrap(item, width, "  ")}`];
  return [`- ${wrap(item.text, width, "  ")}`, ...item.below.map((line) => `  - ${wrap(line, width, "    ")}`)];
}

/** Rows without rules; the last cell of a row that does not fit is below the others. */
function table(rows: readonly (readonly string[])[], cells: number, width: number): string {
  const widths = Array.from({ length: cells - 1 }, (_, cell) =>
    Math.max(...rows.map((row) => columns(row[cell] ?? ""))),
  );
  return rows
    .map((row) => {
      const padded = widths.map((most, cell) => (row[cell] ?? "") + " ".repeat(most - columns(row[cell] ?? "")));
      const last = row[cells - 1] ?? "";
      const first = padded.join("  ");
      if (columns(first) + 2 + columns(last) <= width) return `${first}  ${last}`.trimEnd();
      const indent = " ".repeat((widths[0] ?? 0) + 2);
      return `${first.trimEnd()}\n${indent}${wrap(last, width, indent)}`;
    })
    .join("\n");
}

function coloured(language: string, line: string, screen: Screen): string {
  if (language !== "diff") return `    ${line}`;
  const wrapped = wrap(line, screen.width, "    ");
  if (line.startsWith("@@")) return paint(screen, "cyan", wrapped);
  return paint(screen, line.startsWith("+") ? "green" : "red", wrapped);
}
