import type { Fields } from "../fields.ts";
import type { ApiName } from "../endpoints.ts";
import type { Google } from "../google.ts";
import { type Change, existing, type Live, type ResourceType } from "../provider.ts";
import { fromRest, restField, toRest } from "../rest.ts";
import type { Properties } from "../schema.ts";
import { expand, importIds } from "./paths.ts";

/** A resource type with Google's standard methods: create, get, patch and delete. */
export interface Collection {
  readonly token: string;
  readonly api: ApiName;
  readonly properties: Properties;
  /** Path of the collection, such as `projects/{project}/secrets`. */
  readonly collection: string;
  /** Query parameter with the new resource's name, and the property that holds it. */
  readonly nameParameter?: readonly [parameter: string, property: string];
  /** Path of one resource. */
  readonly self: string;
  /** Template of the id; `self` by default. */
  readonly id?: string;
  /** Other templates of import ids. */
  readonly importForms?: readonly string[];
  /** How to send an update: whole, with a field mask, or by a custom call, which returns the response. */
  readonly update: "whole" | "masked" | ((google: Google, path: string, change: Change) => Promise<Fields>);
  /** Additional fields of a request's body. */
  readonly body?: (inputs: Fields) => Fields;
  /** Outputs that the provider computes from the REST resource. */
  readonly derived?: (resource: Fields) => Fields;
  /** Waits for the operation that create, update and delete return. */
  readonly finished?: (google: Google, state: Fields, answer: Fields) => Promise<void>;
  /** Runs changes one at a time. */
  readonly serially?: <T>(google: Google, values: Fields, work: () => Promise<T>) => Promise<T>;
}

/** The resource type of a collection. */
export function collection(table: Collection): ResourceType {
  const { api, properties, self, serially = (_google, _values, work) => work() } = table;
  const ids = importIds(table.id ?? self, ...(table.importForms ?? []));
  const body = (inputs: Fields) => ({ ...toRest(properties, inputs), ...table.body?.(inputs) });

  const read = async (google: Google, known: Fields): Promise<Live | undefined> => {
    const resource = await google.find(api, expand(self, known));
    if (!resource) return undefined;
    const values = { ...fromRest(properties, resource), ...table.derived?.(resource) };
    return {
      id: expand(table.id ?? self, { ...known, ...values }),
      values: { ...partsOfId(ids.idForms, known), ...values },
    };
  };
  const reread = async (google: Google, known: Fields) => existing(await read(google, known), expand(self, known));

  return {
    token: table.token,
    properties,
    ...ids,
    create: (google, inputs) =>
      serially(google, inputs, async () => {
        const query = table.nameParameter && { [table.nameParameter[0]]: String(inputs[table.nameParameter[1]]) };
        const path = expand(table.collection, inputs);
        const answer = await google.call(api, "POST", path, { ...(query && { query }), body: body(inputs) });
        await table.finished?.(google, inputs, answer);
        return reread(google, { ...fromRest(properties, answer), ...inputs });
      }),
    read: (google, _id, known) => read(google, known),
    update: (google, _id, change: Change) => {
      const { before, after, changed } = change;
      const known = { ...before, ...after };
      return serially(google, known, async () => {
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
      });
    },
    delete: (google, _id, state) =>
      serially(google, state, async () => {
        const answer = await google.call(api, "DELETE", expand(self, state));
        await table.finished?.(google, state, answer);
      }),
  };
}

/** The properties in an id, which an import puts into the state. */
function partsOfId(forms: readonly string[], known: Fields): Fields {
  const names = forms.flatMap((form) => [...form.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? ""));
  return Object.fromEntries(names.filter((name) => name in known).map((name) => [name, known[name]]));
}
