import { GoogleError } from "../../rest/errors.ts";
import { type Fields, isFields } from "../../rest/fields.ts";

/** Whether an entry matches. */
export type Filter = (entry: Fields) => boolean;

/** From the least severe to the most: https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry#LogSeverity */
export const SEVERITIES: readonly string[] = "DEFAULT DEBUG INFO NOTICE WARNING ERROR CRITICAL ALERT EMERGENCY".split(
  " ",
);

const QUOTED = String.raw`"(?:[^"\\]|\\.)*"`;
const WORD = String.raw`(?:[\w/%*-]+|${QUOTED})`;
const TOKEN = new RegExp(
  String.raw`(?:\s|--[^\n]*)*(?:([(),])|(!=|>=|<=|=~|!~|=|>|<|:)|(-(?=[\w"(])|${WORD}(?:\.${WORD})*)|$)`,
  "y",
);

/** Functions of the language that the embedded cloud does not have. */
const FUNCTIONS = ["SEARCH", "cast", "ip_in_net", "regexp_extract", "sample", "source"];

/** Syntax of JavaScript's regular expressions that RE2 refuses: https://github.com/google/re2/wiki/Syntax */
const NOT_RE2 = /\(\?<?[=!]|\\[1-9]|\\k</;

/**
 * Parses a query of Logging: comparisons of fields with values and with lists of them, words to find in any field, `AND`, `OR`
 * (which binds tighter), `NOT`, parentheses, `log_id()`, comments. It does not evaluate the other functions.
 * https://cloud.google.com/logging/docs/view/logging-query-language
 * @param words Whether a query may search for words. True by default; queries of Cloud Monitoring may not.
 * @throws GoogleError INVALID_ARGUMENT for a syntax error or another part of the language.
 */
export function parseFilter(text: string, words = true): Filter {
  const parser = new Parser(tokens(text), words);
  const filter = parser.conjunction();
  parser.end();
  return filter;
}

function tokens(text: string): string[] {
  const found: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (!match) throw unparseable(`at "${text.slice(at, at + 20).trim()}"`);
    const [, punctuation, operator, word] = match as (string | undefined)[];
    const token = punctuation ?? operator ?? word;
    if (token === undefined) break; // only spaces and comments were left
    found.push(token);
  }
  return found;
}

function unparseable(where: string): GoogleError {
  return new GoogleError("INVALID_ARGUMENT", `Unparseable filter: syntax error ${where}.`);
}

/** How deep parentheses may nest. */
const MAX_DEPTH = 50;

/** Whether a value at a path matches. */
type Test = (actual: unknown) => boolean;

class Parser {
  private depth = 0;
  private readonly rest: string[];
  private readonly words: boolean;

  constructor(rest: string[], words: boolean) {
    this.rest = rest;
    this.words = words;
  }

  end(): void {
    if (this.rest[0] !== undefined) throw unparseable(`at "${this.rest[0]}"`);
  }

  /** All of nothing is true, as is an empty query. */
  conjunction(): Filter {
    if (this.rest.length === 0 && this.depth === 0) return () => true;
    return this.all(() => this.comparison());
  }

  private all<T>(leaf: () => (value: T) => boolean): (value: T) => boolean {
    const all = [this.any(leaf)];
    while (this.rest.length > 0 && this.rest[0] !== ")") {
      this.take("AND"); // optional between two restrictions
      all.push(this.any(leaf));
    }
    return (value) => all.every((filter) => filter(value));
  }

  private any<T>(leaf: () => (value: T) => boolean): (value: T) => boolean {
    const any = [this.term(leaf)];
    while (this.take("OR")) any.push(this.term(leaf));
    return (value) => any.some((filter) => filter(value));
  }

  private term<T>(leaf: () => (value: T) => boolean): (value: T) => boolean {
    if (this.take("NOT") || this.take("-")) {
      const filter = this.term(leaf);
      return (value) => !filter(value);
    }
    return this.rest[0] === "(" ? this.inParentheses(() => this.all(leaf)) : leaf();
  }

  private inParentheses<T>(inner: () => T): T {
    this.expect("(");
    if (++this.depth > MAX_DEPTH) throw unparseable("in too many parentheses");
    const result = inner();
    this.expect(")");
    this.depth--;
    return result;
  }

  private comparison(): Filter {
    const path = this.word();
    if (this.rest[0] === "(" && path === "log_id") {
      const id = this.inParentheses(() => `/logs/${encodeURIComponent(literal(this.word()))}`);
      return ({ logName }) => String(logName).endsWith(id);
    }
    if (this.rest[0] === "(" && FUNCTIONS.includes(path)) {
      throw new GoogleError("INVALID_ARGUMENT", `The embedded cloud does not evaluate ${path}() in a filter.`);
    }
    const operator = this.rest[0] ?? "";
    const test = Object.hasOwn(OPERATORS, operator) ? OPERATORS[operator] : undefined;
    if (!test) {
      if (!this.words) throw unparseable(`at "${path}": only fields are compared here`);
      const text = literal(path);
      return (entry) => contains(entry, text);
    }
    this.rest.shift();
    const steps = (path.match(new RegExp(WORD, "g")) ?? []).map(literal);
    const leaf = (): Test => test(this.value(operator), steps.join("."));
    const matches = this.rest[0] === "(" ? this.inParentheses(() => this.all(leaf)) : leaf();
    return (entry) => valuesAt(entry, steps).some(matches);
  }

  /** The value of a comparison; `*` is only for "any value". */
  private value(operator: string): string {
    const word = this.word();
    if (word.includes("*") && !word.startsWith('"') && !(operator === ":" && word === "*")) {
      throw unparseable(`at "${word}"`);
    }
    return word === "*" ? "" : literal(word);
  }

  private word(): string {
    const token = this.rest.shift();
    if (token === undefined || !new RegExp(`^${WORD}`).test(token) || KEYWORDS.includes(token)) {
      throw unparseable(`at "${token ?? "its end"}"`);
    }
    return token;
  }

  private take(token: string): boolean {
    if (this.rest[0] !== token) return false;
    this.rest.shift();
    return true;
  }

  private expect(token: string): void {
    if (!this.take(token)) throw unparseable(`at "${this.rest[0] ?? "its end"}": "${token}" is missing`);
  }
}

const KEYWORDS = ["AND", "OR", "NOT"];

/** A word without its quotes. */
function literal(word: string): string {
  return word.startsWith('"') ? word.slice(1, -1).replace(/\\(["\\])/g, "$1") : word;
}

/** The values at a path, across every element of the lists along it. @param from The first step to take. */
function valuesAt(value: unknown, steps: readonly string[], from = 0): unknown[] {
  if (Array.isArray(value)) return value.flatMap((each) => valuesAt(each, steps, from));
  const step = steps[from];
  if (step === undefined) return value === undefined ? [] : [value];
  return isFields(value) && Object.hasOwn(value, step) ? valuesAt(value[step], steps, from + 1) : [];
}

/** Whether a value, or any value in it, contains a text. */
function contains(value: unknown, text: string): boolean {
  if (Array.isArray(value)) return value.some((each) => contains(each, text));
  if (isFields(value)) return Object.values(value).some((each) => contains(each, text));
  return String(value).toLowerCase().includes(text.toLowerCase());
}

/** The test of each operator, for a value and a path. @throws GoogleError INVALID_ARGUMENT for a value that the path cannot have. */
const OPERATORS: Readonly<Record<string, (value: string, path: string) => Test>> = {
  "=": ordered((order) => order === 0),
  "!=": ordered((order) => order !== 0),
  ">": ordered((order) => order > 0),
  "<": ordered((order) => order < 0),
  ">=": ordered((order) => order >= 0),
  "<=": ordered((order) => order <= 0),
  ":": (value) => (actual) => contains(actual, value),
  "=~": (value) => {
    const pattern = regularExpression(value);
    return (actual) => !isFields(actual) && pattern.test(String(actual));
  },
  "!~": (value) => {
    const pattern = regularExpression(value);
    return (actual) => !isFields(actual) && !pattern.test(String(actual));
  },
};

/** Severities are compared by rank, times and numbers by value, and text case-insensitively. */
function ordered(fits: (order: number) => boolean): (value: string, path: string) => Test {
  return (value, path) => {
    if (path === "severity") {
      const rank = SEVERITIES.indexOf(value.toUpperCase());
      if (rank < 0) throw new GoogleError("INVALID_ARGUMENT", `Unparseable filter: "${value}" is no severity.`);
      return (actual) => fits(SEVERITIES.indexOf(String(actual)) - rank);
    }
    if (path === "timestamp" || path === "receiveTimestamp") {
      const time = Date.parse(value);
      if (Number.isNaN(time)) throw new GoogleError("INVALID_ARGUMENT", `Unparseable filter: "${value}" is no time.`);
      return (actual) => fits(Date.parse(String(actual)) - time);
    }
    const text = value.toLowerCase();
    return (actual) => {
      if (typeof actual === "number") return fits(actual - Number(value));
      const other = String(actual).toLowerCase();
      return fits(other < text ? -1 : Number(other > text));
    };
  };
}

/** A regular expression of RE2. Flags may stand in front, as in `(?i)`. @throws GoogleError INVALID_ARGUMENT. */
function regularExpression(text: string): RegExp {
  const [, flags = "", pattern = text] = /^\(\?([ims]+)\)([^]*)$/.exec(text) ?? [];
  try {
    if (!NOT_RE2.test(pattern))
      return new RegExp(pattern.replaceAll("(?P<", "(?<"), `${flags}${pattern.includes("\\p{") ? "u" : ""}`);
  } catch {
    // handled below
  }
  throw new GoogleError("INVALID_ARGUMENT", `Unparseable filter: invalid regular expression "${text}".`);
}
