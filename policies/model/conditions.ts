import { Environment } from "@marcbachmann/cel-js";

/** What a condition is asked about, and all that it may ask for beside `request.time`; what is left out is not known yet. */
export interface Asked {
  /** `resource.service`, such as `sqladmin.googleapis.com`. */
  readonly service: string;
  /** `resource.type`, such as `sqladmin.googleapis.com/Instance`. */
  readonly type?: string;
  /** `resource.name`, such as `projects/P/instances/I`. */
  readonly name?: string;
}

/** What a condition says: `unreadable` where it cannot be evaluated, `unknown` where an attribute is left out for that. */
export type Answer = "holds" | "fails" | "unreadable" | "unknown";

let made: Environment | undefined;

/** What reads conditions; it is made for the first one, since many stacks have none. */
function environment(): Environment {
  return (made ??= new Environment()
    .registerVariable({ name: "resource", schema: { service: "string", type: "string", name: "string" } })
    .registerVariable({ name: "request", schema: { time: "google.protobuf.Timestamp" } })
    .registerType("Api", { fields: {} })
    .registerVariable("api", "Api")
    .registerFunction(
      "Api.getAttribute(string, dyn): dyn",
      // Only requests to IAM itself have attributes.
      (_api: object, _name: string, otherwise: unknown) => otherwise,
    )
    .registerFunction("list.hasOnly(list): bool", (list: unknown[], allowed: unknown[]) =>
      list.every((item) => allowed.includes(item)),
    )
    .registerFunction("string.extract(string): string", extract));
}

/**
 * Evaluates the condition of a grant.
 * @param expression In CEL, with the attributes of https://cloud.google.com/iam/docs/conditions-attribute-reference
 * @param time `request.time`; now, where it is left out.
 */
export function ask(expression: string, asked: Asked, time = new Date()): Answer {
  try {
    const condition = environment().parse(expression);
    const { valid, type } = condition.check();
    if (!valid || type !== "bool") return "unreadable";
    return answer(() => condition({ resource: { ...asked }, request: { time }, api: {} }) as unknown, asked);
  } catch {
    return "unreadable"; // The parser's sentence may quote the expression.
  }
}

function answer(evaluate: () => unknown, { type, name }: Asked): Answer {
  try {
    return evaluate() === true ? "holds" : "fails";
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
