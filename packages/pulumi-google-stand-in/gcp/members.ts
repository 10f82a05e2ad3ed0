import { type Fields, isFields } from "../fields.ts";
import type { ApiName } from "../endpoints.ts";
import { absent, type Google } from "../google.ts";
import type { Live, ResourceType } from "../provider.ts";
import { object, type Properties, replacing, required, text } from "../schema.ts";
import { match } from "./paths.ts";

interface Binding {
  readonly role: string;
  readonly members?: readonly string[];
  readonly condition?: Fields;
}

interface Policy {
  readonly etag?: string;
  readonly bindings?: readonly Binding[];
}

/** A resource with an IAM policy. */
export interface Parent {
  readonly token: string;
  readonly api: ApiName;
  /** The properties that name the resource; the last is its own name, short or full. */
  readonly properties: Properties;
  /** The resource's id, such as `projects/P/secrets/S`. */
  readonly resource: (values: Fields) => string;
  /** Templates of the first part of an import id. */
  readonly forms: readonly string[];
  readonly getPolicy: (google: Google, resource: string) => Promise<Fields>;
  readonly setPolicy: (google: Google, resource: string, policy: Fields) => Promise<Fields>;
}

const POLICY_VERSION = 3;

/** The resource type of one member of a role in the policy, which is updated under its etag. */
export function iamMember(parent: Parent): ResourceType {
  const condition = replacing(object({ title: required(text), expression: required(text), description: text }));
  const properties: Properties = {
    ...parent.properties,
    role: replacing(required(text)),
    member: replacing(required(text)),
    condition,
    etag: { ...text, output: "changing" },
  };

  /** The property that names the resource; the provider keeps the full name. */
  const own = Object.keys(parent.properties).at(-1) ?? "";

  const read = async (google: Google, known: Fields): Promise<Live | undefined> => {
    const policy: Policy | undefined = await absent(parent.getPolicy(google, parent.resource(known)));
    const binding = policy?.bindings?.find(matching(known));
    if (!binding?.members?.includes(String(known.member))) return undefined;
    return live(known, binding.condition, policy?.etag);
  };
  const live = (known: Fields, found: Fields | undefined, etag: unknown): Live => {
    const names = [...Object.keys(parent.properties), "role", "member"];
    const values = Object.fromEntries(names.map((name) => [name, known[name]]));
    values[own] = parent.resource(known);
    const parts = [parent.resource(known), known.role, known.member];
    if (found) parts.push(found.title, ...[found.description ?? [], found.expression].flat());
    return { id: parts.map(String).join("/"), values: { ...values, etag, ...(found && { condition: found }) } };
  };
  const change = (google: Google, known: Fields, edit: (members: readonly string[]) => readonly string[]) => {
    const resource = parent.resource(known);
    return google.serially(`${parent.api} ${resource}`, () =>
      google.contended(async () => {
        const policy: Policy = await parent.getPolicy(google, resource);
        const bindings = policy.bindings ?? [];
        const found = bindings.find(matching(known));
        const members = edit(found?.members ?? []);
        if (members.length === (found?.members ?? []).length) return policy;
        const wanted = isFields(known.condition) && { condition: known.condition };
        const changed = members.length > 0 ? [{ members, role: String(known.role), ...wanted }] : [];
        const others = bindings.filter((binding) => binding !== found);
        const next = { ...policy, bindings: [...others, ...changed], version: POLICY_VERSION };
        return await parent.setPolicy(google, resource, next);
      }),
    );
  };

  return {
    token: parent.token,
    properties,
    idForms: parent.forms.map((form) => `${form} ROLE MEMBER [CONDITION TITLE]`),
    parseId: (id) => {
      const [resource = "", role, member, ...title] = id.split(" ");
      const parts = parent.forms.map((form) => match(form, resource)).find((found) => found !== undefined);
      if (!parts || role === undefined || member === undefined) return undefined;
      return { ...parts, role, member, ...(title.length > 0 && { condition: { title: title.join(" ") } }) };
    },
    create: async (google, inputs) => {
      const member = String(inputs.member);
      const policy = await change(google, inputs, (members) =>
        members.includes(member) ? members : [...members, member],
      );
      return live(inputs, isFields(inputs.condition) ? inputs.condition : undefined, policy.etag);
    },
    read: (google, _id, known) => read(google, known),
    delete: (google, _id, state) =>
      change(google, state, (members) => members.filter((member) => member !== state.member)),
  };
}

/** Finds the binding that the properties describe; an import has only the condition's title. */
function matching(known: Fields): (binding: Binding) => boolean {
  const wanted = isFields(known.condition) ? known.condition : undefined;
  return ({ role, condition }) =>
    role === known.role &&
    wanted?.title === condition?.title &&
    (wanted?.expression === undefined || wanted.expression === condition?.expression) &&
    (wanted?.expression === undefined || (wanted.description ?? "") === (condition?.description ?? ""));
}
