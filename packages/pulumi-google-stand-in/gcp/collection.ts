import type { Fields } from "../fields.ts";
import type { ApiName } from "../endpoints.ts";
import type { Google } from "../google.ts";
import type { Change, Live, ResourceType } from "../provider.ts";
import { fromRest, restField, toRest } from "../rest.ts";
import type { Properties } from "../schema.ts";
import { expand, match } from "./paths.ts";

/** A resource type that follows Google's usual form: a collection that resources are created in, got and deleted from. */
export interface Collection {
  readonly token: string;
  readonly api: ApiName;
  readonly properties: Properties;
  /** Path of the collection, such as `projects/{project}/secrets`. */
  readonly collection: string;
  /** Query parameter that names the new resource, and the property whose value it takes. */
  readonly nameParameter?: readonly [parameter: string, property: string];
  /** Path of one resource. */
  readonly self: string;
  /** Form of the id, where it is not `self`. */
  readonly id?: string;
  /** Other forms that the official provider takes for import. */
  readonly importForms?: readonly string[];
  /** How a changed resource is sent: whole, the changed fields named in a mask, or by a method of its own, which answers. */
  readonly update: "whole" | "masked" | ((google: Google, path: string, change: Change) => Promise<Fields>);
  /** What a request's body has besides the properties. */
  readonly body?: (inputs: Fields) => Fields;
  /** Outputs that the provider works out of the REST resource. */
  readonly derived?: (resource: Fields) => Fields;
  /** Waits for the operation that create, update and delete answer with. */
  readonly finished?: (google: Google, state: Fields, answer: Fields) => Promise<void>;
}

/** The resource type a collection makes. */
export function collection(table: Collection): ResourceType {
  const { api, properties, self } = table;
  const forms = [table.id ?? self, ...(table.importForms ?? [])];
  const body = (inputs: Fields) => ({ ...toRest(properties, inputs), ...table.body?.(inputs) });

  const read = async (google: Google, known: Fields): Promise<Live | undefined> => {
    const resource = await google.find(api, expand(self, known));
    if (!resource) return undefined;
    const values = { ...known, ...fromRest(properties, resource) };
    return {
      id: expand(table.id ?? self, values),
      values: { ...partsOfId(forms, known), ...fromRest(properties, resource), ...table.derived?.(resource) },
    };
  };
  const reread = async (google: Google, known: Fields): Promise<Live> => {
    const live = await read(google, known);
    if (!live) throw new Error(`${expand(self, known)} was made and is not there.`);
    return live;
  };

  return {
    token: table.token,
    properties,
    idForms: forms,
    parseId: (id) => forms.map((form) => match(form, id)).find((parts) => parts !== undefined),
    create: async (google, inputs) => {
      const query = table.nameParameter && { [table.nameParameter[0]]: String(inputs[table.nameParameter[1]]) };
      const path = expand(table.collection, inputs);
      const answer = await google.call(api, "POST", path, { ...(query && { query }), body: body(inputs) });
      await table.finished?.(google, inputs, answer);
      return reread(google, { ...fromRest(properties, answer), ...inputs });
    },
    read: (google, _id, known) => read(google, known),
    update: async (google, _id, change: Change) => {
      const { before, after, changed } = change;
      const known = { ...before, ...after };
      const path = expand(self, known);
      const mask = changed.filter((name) => !properties[name]?.own).map((name) => restField(properties, name));
      const answer =
        typeof table.update === "function"
          ? await table.update(google, path, change)
          : await google.call(api, "PATCH", path, {
              ...(table.update === "masked" && { query: { updateMask: mask.join(",") } }),
              body: body(after),
            });
      await table.finished?.(google, known, answer);
      return reread(google, known);
    },
    delete: async (google, _id, state) => {
      const answer = await google.call(api, "DELETE", expand(self, state));
      await table.finished?.(google, state, answer);
    },
  };
}

/** The properties that an id is made of, so that they stand in the state after an import. */
function partsOfId(forms: readonly string[], known: Fields): Fields {
  const names = forms.flatMap((form) => [...form.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? ""));
  return Object.fromEntries(names.filter((name) => name in known).map((name) => [name, known[name]]));
}
