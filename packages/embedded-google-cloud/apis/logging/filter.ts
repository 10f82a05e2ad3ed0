import { GoogleError } from "../../rest/errors.ts";
import { type Fields, isFields } from "../../rest/fields.ts";

/** Whether an entry matches. */
export type Filter = (entry: Fields) => boolean;

/** From the least severe to the most: https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry#LogSeverity */
const SEVERITIES = ["DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY"];

const QUOTED = String.raw`"(?:[^"\\]|\\.)*"`;
const TOKEN = new RegExp(
  String.raw`\s*(?:([()])|(!=|>=|<=|=|>|<|:)|((?:[\w-]+|${QUOTED})(?:\.(?:[\w-]+|${QUOTED}))*))`,
  "y",
);

/**
 * Parses the part of the Logging query language that compares fields with values: `AND`, `OR` (which binds tighter),
 * `NOT`, parentheses, `log_id()`, lists of values.
 * https://cloud.google.com/logging/docs/view/logging-query-language
 * @throws GoogleError INVALID_ARGUMENT for a syntax error or another part of the language.
 */
export function parseFilter(text: string): Filter {
  if (text.trim() === "") return () => true;
  const parser = new Parser(tokens(text));
  const filter = parser.conjunction();
  parser.end();
  return filter;
}

function tokens(text: string): string[] {
  const found: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.trimEnd().length) {
    const at = TOKEN.lastIndex;
    const [, parenthesis, operator, word] = TOKEN.exec(text) ?? [];
    const token = parenthesis ?? operator ?? word;
    if (token === undefined) throw unparseable(`at "${text.slice(at, at + 20)}"`);
    found.push(token);
  }
  return found;
}

function unparseable(where: string): GoogleError {
  return new GoogleError("INVALID_ARGUMENT", `Unparseable filter: syntax error ${where}.`);
}

/** How deep parentheses may nest. */
const MAX_DEPTH = 50;

class Parser {
  private depth = 0;

  private readonly rest: string[];

  constructor(rest: string[]) {
    this.rest = rest;
  }

  end(): void {
    if (this.rest[0] !== undefined) throw unparseable(`at "${this.rest[0]}"`);
  }

  conjunction(): Filter {
    const all = [this.disjunction()];
    while (this.rest.length > 0 && this.rest[0] !== ")") {
      this.take("AND"); // optional between two restrictions
      all.push(this.disjunction());
    }
    return (entry) => all.every((filter) => filter(entry));
  }

  private disjunction(): Filter {
    const any = [this.term()];
    while (this.take("OR")) any.push(this.term());
    return (entry) => any.some((filter) => filter(entry));
  }

  private term(): Filter {
    if (this.take("NOT")) {
      const filter = this.term();
      return (entry) => !filter(entry);
    }
    if (!this.take("(")) return this.comparison();
    if (++this.depth > MAX_DEPTH) throw unparseable("in too many parentheses");
    const inner = this.conjunction();
    this.expect(")");
    this.depth--;
    return inner;
  }

  private comparison(): Filter {
    const path = this.word();
    if (path === "log_id" && this.take("(")) {
      const id = `/logs/${encodeURIComponent(literal(this.word()))}`;
      this.expect(")");
      return ({ logName }) => String(logName).endsWith(id);
    }
    const operator = this.rest.shift() ?? "";
    const compare = Object.hasOwn(OPERATORS, operator) ? OPERATORS[operator] : undefined;
    if (!compare) throw unparseable(`at "${path}": only fields are compared here`);
    const values = this.values();
    const steps = (path.match(new RegExp(`[\\w-]+|${QUOTED}`, "g")) ?? []).map(literal);
    return (entry) => valuesAt(entry, steps).some((actual) => values.some((value) => compare(actual, value, steps)));
  }

  private values(): string[] {
    if (!this.take("(")) return [literal(this.word())];
    const values = [literal(this.word())];
    while (this.take("OR")) values.push(literal(this.word()));
    this.expect(")");
    return values;
  }

  private word(): string {
    const token = this.rest.shift();
    if (token === undefined || !/^["\w-]/.test(token)) throw unparseable(`at "${token ?? "its end"}"`);
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

/** A word without its quotes. */
function literal(word: string): string {
  return word.startsWith('"') ? word.slice(1, -1).replace(/\\(.)/g, "$1") : word;
}

/** The values at a path, across every element of the lists along it. */
function valuesAt(value: unknown, [step, ...rest]: readonly string[]): unknown[] {
  if (Array.isArray(value)) return value.flatMap((each) => valuesAt(each, step === undefined ? [] : [step, ...rest]));
  if (step === undefined) return value === undefined ? [] : [value];
  return isFields(value) && Object.hasOwn(value, step) ? valuesAt(value[step], rest) : [];
}

type Compare = (actual: unknown, value: string, path: readonly string[]) => boolean;

/** Text is compared case-insensitively, severities by rank, numbers by value. */
const OPERATORS: Readonly<Record<string, Compare>> = {
  "=": (actual, value, path) => order(actual, value, path) === 0,
  "!=": (actual, value, path) => order(actual, value, path) !== 0,
  ">": (actual, value, path) => order(actual, value, path) > 0,
  "<": (actual, value, path) => order(actual, value, path) < 0,
  ">=": (actual, value, path) => order(actual, value, path) >= 0,
  "<=": (actual, value, path) => order(actual, value, path) <= 0,
  ":": (actual, value) => String(actual).toLowerCase().includes(value.toLowerCase()),
};

/** Negative, zero or positive, as in `Array.sort`; NaN if the two cannot be compared. */
function order(actual: unknown, value: string, path: readonly string[]): number {
  if (path.join(".") === "severity") {
    return SEVERITIES.indexOf(String(actual)) - SEVERITIES.indexOf(value.toUpperCase());
  }
  if (typeof actual === "number") return actual - Number(value);
  const [one, other] = [String(actual).toLowerCase(), value.toLowerCase()];
  return one < other ? -1 : Number(one > other);
}
