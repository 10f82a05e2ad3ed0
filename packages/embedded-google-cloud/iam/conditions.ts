import { Environment } from "@marcbachmann/cel-js";

/**
 * What a request would do, for conditions that ask with `api.getAttribute`, such as the roles whose members it changes.
 * https://cloud.google.com/iam/docs/conditions-attribute-reference#api-attributes
 */
export type ApiAttributes = Readonly<Record<string, unknown>>;

/** `api` in a condition. */
class Api {
  readonly attributes: ApiAttributes;

  constructor(attributes: ApiAttributes) {
    this.attributes = attributes;
  }
}

/** All that a condition may ask for. */
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

/** Whether a condition holds for a request as of now; as in IAM, one that cannot be evaluated grants nothing. */
export function conditionHolds(
  expression: string,
  { service, type, name }: { readonly service: string; readonly type: string; readonly name: string },
  attributes: ApiAttributes,
): boolean {
  const asked = { resource: { service, type, name }, request: { time: new Date() }, api: new Api(attributes) };
  try {
    return conditions.evaluate(expression, asked) === true;
  } catch {
    return false;
  }
}

/** The part of a text that stands for `{name}` in a template, or the empty text. */
function extract(text: string, template: string): string {
  const [, before, after] = /^([^{}]*)\{[^{}]+\}([^{}]*)$/.exec(template) ?? [];
  if (before === undefined || after === undefined) throw new Error(`extract needs one {name} in "${template}".`);
  const found = text.indexOf(before);
  const start = found + before.length;
  const end = after === "" ? text.length : text.indexOf(after, start);
  return found < 0 || end < 0 ? "" : text.slice(start, end);
}
