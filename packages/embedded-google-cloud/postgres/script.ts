/** A statement as psql would send it. */
export interface Statement {
  readonly text: string;
  /** The line on which it ends, which psql's errors name. */
  readonly line: number;
  /** Its first word, in lower case. */
  readonly command: string;
  /** The rows below a COPY FROM STDIN. */
  readonly rows?: string;
}

/** Why a script stopped; the message does not include the line. */
export class ScriptError extends Error {
  override readonly name = "ScriptError";
  readonly line: number;

  /** @param line Line of the script, from 1. */
  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

/** The tokens, in the order in which psql's scanner tries them. */
const TOKEN = new RegExp(
  [
    String.raw`(?<comment>--[^\n]*)`,
    String.raw`(?<block>/\*)`,
    String.raw`(?<escaped>[eE]'(?:[^'\\]+|\\[^]|'')*'?)`,
    // Two quotes inside of a string are read as the end of one and the start of another.
    String.raw`(?<literal>'[^']*'?|"[^"]*"?)`,
    String.raw`(?<dollar>\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$)`,
    String.raw`(?<word>[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)`,
    String.raw`(?<number>\d[\w.]*)`,
    String.raw`(?<command>\\\S*)`,
    String.raw`(?<other>[^])`,
  ].join("|"),
  "y",
);

/** Many tokens at once of which none ends a statement, opens a comment or a dollar quote, or is a parenthesis. */
const PLAIN = /(?:(?![eE]')[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|\d[\w.]*|'[^']*'|"[^"]*"|[\s,=.:<>+*[\]]){1,200}/y;

/** The first words of statements whose further words matter. */
const READ = ["copy", "create"];

/** Guards that pg_dump has written around its output since August 2025; they have no effect here. */
const IGNORED = ["\\restrict", "\\unrestrict"];

/**
 * Splits a script into the statements that psql would send.
 * @throws ScriptError on a psql command.
 */
export function* statementsOf(script: string): Generator<Statement> {
  let start = 0;
  let at = 0;
  let words: string[] = [];
  let empty = true;
  let parentheses = 0;
  let bodies = 0;
  let stdin = false;
  let counted = 0;
  let line = 1;
  const lineAt = (index: number) => {
    for (let next = script.indexOf("\n", counted); next >= 0 && next < index; next = script.indexOf("\n", counted)) {
      counted = next + 1;
      line++;
    }
    return line;
  };
  const restart = (index: number) => {
    start = index;
    words = [];
    empty = true;
    parentheses = 0;
    bodies = 0;
    stdin = false;
  };

  while (at < script.length) {
    if (words[0] !== undefined && !READ.includes(words[0])) {
      PLAIN.lastIndex = at;
      if (PLAIN.test(script)) {
        at = PLAIN.lastIndex;
        continue;
      }
    }
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
      if (!IGNORED.includes(command)) {
        throw new ScriptError(`error: the psql command "${command}" is not supported; use SQL`, lineAt(begin));
      }
      at = endOf("\n", script, at);
      restart(at);
      continue;
    }
    if (other === ";" && parentheses === 0 && bodies === 0) {
      const [text, command = ""] = [script.slice(start, at), words[0]];
      if (stdin) {
        const rows = rowsBelow(script, at, lineAt(begin));
        yield { text, command, line: lineAt(begin), rows: rows.text };
        at = rows.end;
      } else if (!empty) yield { text, command, line: lineAt(begin) };
      restart(at);
      continue;
    }
    empty = false;
    if (other === "(") parentheses++;
    else if (other === ")") parentheses = Math.max(0, parentheses - 1);
    else if (word !== undefined) {
      words.push(word.toLowerCase());
      bodies = Math.max(0, bodies + bodyDepth(words));
      if (words[0] === "copy" && parentheses === 0 && words.at(-2) === "from" && words.at(-1) === "stdin") stdin = true;
    }
  }
  if (!empty) {
    const [text, command = ""] = [script.slice(start).trimEnd(), words[0]];
    yield { text, command, line: lineAt(script.trimEnd().length), ...(stdin && { rows: "" }) };
  }
}

/**
 * The rows below a COPY, without the line that ends them.
 * @param from Where the COPY ends; only blanks may follow on its line.
 * @param line The line of the COPY.
 */
function rowsBelow(script: string, from: number, line: number): { text: string; end: number } {
  const start = endOf("\n", script, from);
  if (script.slice(from, start).trim() !== "") {
    throw new ScriptError("error: text after COPY FROM STDIN on its line is not supported", line);
  }
  for (let index = start; index < script.length; index = endOf("\n", script, index)) {
    const found = script.startsWith("\\.", index) ? index : script.indexOf("\n\\.", index) + 1;
    if (found === 0) break;
    if (/^\\\.\r?(?:\n|$)/.test(script.slice(found, found + 4))) {
      return { text: script.slice(start, found), end: endOf("\n", script, found) };
    }
    index = found;
  }
  return { text: script.slice(start), end: script.length };
}

/** How the last word changes the nesting of a function's SQL body (BEGIN ATOMIC … END), in which `;` ends no statement. */
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
