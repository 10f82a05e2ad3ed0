import { cut, printable } from "../terminal/values.ts";

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  "@": "&#64;",
  "#": "&#35;",
};

/** A text as Markdown prose, with its line breaks: nothing in it is markup, a mention, a reference or a link. */
export function prose(text: string): string {
  return text.split("\n").map(escaped).join("<br>");
}

function escaped(line: string): string {
  return printable(line)
    .replace(/[&<>@#]/g, (character) => ENTITIES[character] ?? "")
    .replace(/[\\`*_[\]()~|!]/g, "\\$&")
    .replace(/:\/\//g, ":&#47;&#47;");
}

/** A text as the title of folded details, which is HTML: Markdown's backslashes would show. */
export function summary(text: string): string {
  return printable(text).replace(/[&<>@#]/g, (character) => ENTITIES[character] ?? "");
}

/** A short text as inline code, safe in a table. */
export function code(text: string): string {
  return `\`${cut(printable(text), 120).replaceAll("`", "'").replaceAll("|", "\\|")}\``;
}

/** Lines as a code block that their content cannot end. */
export function fence(language: string, lines: readonly string[]): string {
  const text = lines.map((line) => printable(line.replaceAll("\t", "  "))).join("\n");
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const marks = "`".repeat(longest + 1);
  return `${marks}${language}\n${text}\n${marks}`;
}
