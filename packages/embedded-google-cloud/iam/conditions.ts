import { Environment } from "@marcbachmann/cel-js";

/**
 * What conditions read with `api.getAttribute`, such as the roles that a request grants or revokes.
 * https://cloud.google.com/iam/docs/conditions-attribute-reference#api-attributes
 */
export type ApiAttributes = Readonly<Record<string, unknown>>;

class Api {
  readonly attributes: ApiAttributes;

  constructor(attributes: ApiAttributes) {
    this.attributes = attributes;
  }
}

/** Everything that a condition can use. */
const conditions = new Environment()
  .registerVariable({ name: "resource", schema: { service: "string", type: "string", name: "string" } })
  .registerVariable({ name: "request", schema: { time: "google.protobuf.Timestamp" } })
  .registerType("Api", Api)
  .registerVariable("api", "Api")
  .registerFunction(
    "Api.getAttribute(string, dyn): dyn",
    (api: Api, name: string, otherwise: unknown) => api.attributes[name] ?? otherwise,
  )
  .registerFunction("list.hasOnly(list): bool", (list: unknown[], allowed: unknown[]) =>
    list.every((item) => allowed.includes(item)),
  )
  .registerFunction("string.extract(string): string", extract);

/** Whether a condition holds for a request now; as in IAM, a condition that cannot be evaluated does not. */
export function conditionHolds(
  expression: string,
  { service, type, name }: { readonly service: string; readonly type: string; readonly name: string },
  attributes: ApiAttributes,
): boolean {
  const context = { resource: { service, type, name }, request: { time: new Date() }, api: new Api(attributes) };
  try {
    return conditions.evaluate(expression, context) === true;
  } catch {
    return false;
  }
}

/** The part of a text that matches `{name}` in a template, or "". */
function extract(text: string, template: string): string {
  const [, before, after] = /^([^{}]*)\{[^{}]+\}([^{}]*)$/.exec(template) ?? [];
  if (before === undefined || after === undefined) throw new Error(`extract needs one {name} in "${template}".`);
  const found = text.indexOf(before);
  const start = found + before.length;
  const end = after === "" ? text.length : text.indexOf(after, start);
  return found < 0 || end < 0 ? "" : text.slice(start, end);
}
