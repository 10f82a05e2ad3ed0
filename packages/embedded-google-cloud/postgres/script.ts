/** One statement of a script, as psql would send it. */
export interface Statement {
  readonly text: string;
  /** Line of the script on which it ends; what psql names in an error. */
  readonly line: number;
}

/** Why a script stopped, without the place; psql prints that in front. */
export class ScriptError extends Error {
  override readonly name = "ScriptError";

  /** Line of the script, from 1. */
  readonly line: number;

  constructor(
    message: string,

    line: number,
  ) {
    super(message);
    this.line = line;
  }
}

/** What the text may go on with, in the order in which psql's scanner tries it. */
const TOKEN = new RegExp(
  [
    String.raw`(?<comment>--[^\n]*)`,
    String.raw`(?<block>/\*)`,
    String.raw`(?<escaped>[eE]'(?:[^'\\]|\\[^]|'')*'?)`,
    String.raw`(?<literal>'(?:[^']|'')*'?|"(?:[^"]|"")*"?)`,
    String.raw`(?<dollar>\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$)`,
    String.raw`(?<word>[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)`,
    String.raw`(?<number>\d[\w.]*)`,
    String.raw`(?<command>\\\S*)`,
    String.raw`(?<other>[^])`,
  ].join("|"),
  "y",
);

/** Guards that pg_dump writes around its output since August 2025; psql takes them, and they mean nothing here. */
const HARMLESS = ["\\restrict", "\\unrestrict"];

/**
 * Splits a script into the statements psql would send, one by one.
 * @param script The whole script.
 * @throws ScriptError at a psql command or at COPY FROM STDIN.
 */
export function* statementsOf(script: string): Generator<Statement> {
  let start = 0;
  let at = 0;
  let words: string[] = [];
  let empty = true;
  let parentheses = 0;
  let bodies = 0;
  let counted = { index: 0, line: 1 };
  const lineAt = (index: number) => {
    counted = { index, line: counted.line + script.slice(counted.index, index).split("\n").length - 1 };
    return counted.line;
  };
  const restart = (index: number) => {
    start = index;
    words = [];
    empty = true;
    parentheses = 0;
    bodies = 0;
  };

  while (at < script.length) {
    TOKEN.lastIndex = at;
    const { comment, block, dollar, word, command, other } = TOKEN.exec(script)?.groups ?? {};
    const begin = at;
    at = TOKEN.lastIndex;
    if (block !== undefined) at = endOfComment(script, begin);
    else if (dollar !== undefined) at = endOf(dollar, script, at);
    if (comment !== undefined || block !== undefined || /^\s$/.test(other ?? "")) {
      if (empty && other !== undefined) start = at;
      continue;
    }
    if (command !== undefined) {
      if (!HARMLESS.includes(command)) {
        throw new ScriptError(`error: psql's own command "${command}" is not understood here; use SQL`, lineAt(begin));
      }
      at = endOf("\n", script, at);
      restart(at);
      continue;
    }
    if (other === ";" && parentheses === 0 && bodies === 0) {
      if (!empty) yield { text: script.slice(start, at), line: lineAt(begin) };
      restart(at);
      continue;
    }
    empty = false;
    if (other === "(") parentheses++;
    else if (other === ")") parentheses = Math.max(0, parentheses - 1);
    else if (word !== undefined) {
      words.push(word.toLowerCase());
      bodies = Math.max(0, bodies + bodyDepth(words));
      if (words[0] === "copy" && words.at(-2) === "from" && words.at(-1) === "stdin") {
        throw new ScriptError("error: COPY FROM STDIN is not understood here; use INSERT", lineAt(begin));
      }
    }
  }
  if (!empty) yield { text: script.slice(start).trimEnd(), line: lineAt(script.trimEnd().length) };
}

/** How a word changes the nesting of a function's SQL body (BEGIN ATOMIC … END), inside which `;` ends nothing. */
function bodyDepth(words: readonly string[]): number {
  const [first, ...rest] = words;
  const defines = first === "create" && rest.slice(0, 3).some((word) => word === "function" || word === "procedure");
  if (!defines) return 0;
  const last = words.at(-1);
  if (last === "begin") return 1;
  if (last === "case") return words.includes("begin") ? 1 : 0;
  return last === "end" ? -1 : 0;
}

/** Comments nest in PostgreSQL. */
function endOfComment(script: string, begin: number): number {
  const edge = /\/\*|\*\//g;
  edge.lastIndex = begin;
  for (let depth = 0, match = edge.exec(script); match; match = edge.exec(script)) {
    depth += match[0] === "/*" ? 1 : -1;
    if (depth === 0) return edge.lastIndex;
  }
  return script.length;
}

function endOf(tag: string, script: string, from: number): number {
  const index = script.indexOf(tag, from);
  return index < 0 ? script.length : index + tag.length;
}
