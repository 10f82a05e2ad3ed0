import { Environment } from "@marcbachmann/cel-js";

/** What a condition is asked about; an attribute that is left out is not known yet. */
export interface Asked {
  /** `resource.service`, such as `sqladmin.googleapis.com`. */
  readonly service: string;
  /** `resource.type`, such as `sqladmin.googleapis.com/Instance`. */
  readonly type?: string;
  /** `resource.name`, such as `projects/P/instances/I`. */
  readonly name?: string;
}

/** What a condition says: `unreadable` where it cannot be evaluated, `unknown` where an attribute is missing for that. */
export type Answer = "holds" | "fails" | "unreadable" | "unknown";

let made: Environment | undefined;

/** What reads conditions; it is made for the first one, since many stacks have none. */
function environment(): Environment {
  return (made ??= new Environment({ unlistedVariablesAreDyn: true }).registerFunction(
    "string.extract(string): string",
    extract,
  ));
}

/**
 * Evaluates the condition of a grant as of now.
 * @param expression In CEL, with the attributes of https://cloud.google.com/iam/docs/conditions-attribute-reference
 */
export function ask(expression: string, asked: Asked): Answer {
  try {
    const condition = environment().parse(expression);
    if (!condition.check().valid) return "unreadable";
    return answer(() => condition({ resource: { ...asked }, request: { time: new Date() } }) as unknown, asked);
  } catch {
    return "unreadable"; // The parser's sentence may quote the expression.
  }
}

function answer(evaluate: () => unknown, { type, name }: Asked): Answer {
  try {
    const value = evaluate();
    return value === true ? "holds" : value === false ? "fails" : "unreadable";
  } catch {
    return type === undefined || name === undefined ? "unknown" : "unreadable";
  }
}

/** IAM's own function: the part of a text that stands for `{name}` in a template, or the empty text. */
function extract(text: string, template: string): string {
  const [, before, after] = /^([^{}]*)\{[^{}]+\}([^{}]*)$/.exec(template) ?? [];
  if (before === undefined || after === undefined) throw new Error(`extract needs one {name} in "${template}".`);
  const found = text.indexOf(before);
  const start = found + before.length;
  const end = after === "" ? text.length : text.indexOf(after, start);
  return found < 0 || end < 0 ? "" : text.slice(start, end);
}
