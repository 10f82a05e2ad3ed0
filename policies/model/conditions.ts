import { Environment } from "@marcbachmann/cel-js";

/** The attributes that a condition may use besides `request.time`; an omitted one is not known yet. */
export interface Asked {
  /** `resource.service`, such as `sqladmin.googleapis.com`. */
  readonly service: string;
  /** `resource.type`, such as `sqladmin.googleapis.com/Instance`. */
  readonly type?: string;
  /** `resource.name`, such as `projects/P/instances/I`. */
  readonly name?: string;
}

/** The result of a condition: `unreadable` if it cannot be evaluated, `unknown` if it depends on an omitted attribute or a tag. */
export type Answer = "holds" | "fails" | "unreadable" | "unknown";

let created: Environment | undefined;

/** The CEL environment, created for the first condition because many stacks have none. */
function environment(): Environment {
  return (created ??= new Environment()
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
 * @param time `request.time`; now by default.
 */
export function ask(expression: string, asked: Asked, time = new Date()): Answer {
  const [whenTagged, otherwise] = ["true", "false"].map((answer) =>
    untagged(expression.replace(TAGS, answer), asked, time),
  );
  return whenTagged === otherwise ? (whenTagged ?? "unreadable") : "unknown";
}

/** Whether the resource has a tag, which no resource that holds the condition shows. */
const TAGS = /\bresource\.(?:matchTag|matchTagId|hasTagKey|hasTagKeyId)\((?:[^()"']|"[^"]*"|'[^']*')*\)/g;

function untagged(expression: string, asked: Asked, time: Date): Answer {
  try {
    const condition = environment().parse(expression);
    const { valid, type } = condition.check();
    if (!valid || type !== "bool") return "unreadable";
    return answer(() => condition({ resource: { ...asked }, request: { time }, api: {} }) as unknown, asked);
  } catch {
    return "unreadable"; // The parser's message may quote the expression, so drop it.
  }
}

function answer(evaluate: () => unknown, { type, name }: Asked): Answer {
  try {
    return evaluate() === true ? "holds" : "fails";
  } catch {
    return type === undefined || name === undefined ? "unknown" : "unreadable";
  }
}

/** IAM's `extract`: the part of a text that matches `{name}` in a template, or an empty string. */
function extract(text: string, template: string): string {
  const [, before, after] = /^([^{}]*)\{[^{}]+\}([^{}]*)$/.exec(template) ?? [];
  if (before === undefined || after === undefined) throw new Error(`extract needs one {name} in "${template}".`);
  const found = text.indexOf(before);
  const start = found + before.length;
  const end = after === "" ? text.length : text.indexOf(after, start);
  return found < 0 || end < 0 ? "" : text.slice(start, end);
}
