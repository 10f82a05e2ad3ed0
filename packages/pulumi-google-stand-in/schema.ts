/** The properties of resource types, and how they map to Google's REST resources. */

export type Type =
  | { readonly kind: "string" | "number" | "boolean" | "asset" | "any" }
  /** `whole`: the provider also removes what other clients set. */
  | { readonly kind: "map"; readonly whole?: true }
  /** A number that Google's JSON writes as a string. */
  | { readonly kind: "int64" }
  /** `unordered`: the order does not matter, as for flags. `single`: one object in REST. */
  | { readonly kind: "list"; readonly items: Type; readonly unordered?: true; readonly single?: true }
  /** `listed`: a list of one object in REST. */
  | { readonly kind: "object"; readonly properties: Properties; readonly listed?: true };

export interface Property {
  readonly type: Type;
  readonly required?: true;
  /** Whether a change replaces the resource; a function decides by the old and the new value. */
  readonly replaces?: true | ((before: unknown, after: unknown) => boolean);
  /** Sent, never read back, and secret in the state. */
  readonly secret?: true;
  /** Read back, and secret in the state. */
  readonly sealed?: true;
  /** Only Google sets it. `changing`: updates of the resource change it. */
  readonly output?: "stable" | "changing";
  /** Google sets it if the program does not, and then keeps it. */
  readonly computed?: true;
  /** Sent outside the REST resource, such as in the path or as an upload. The program's value is kept. */
  readonly apart?: true;
  /** Only for the provider, never sent to Google. The program's value is kept. */
  readonly own?: true;
  /** Dotted path in the REST resource; the property's name by default. */
  readonly rest?: string;
  /** The input if the program sets none. */
  readonly default?: unknown;
  /** The output if the program sets none; not an input, unlike a `default`. Only at the top level. */
  readonly planned?: unknown;
  readonly oneOf?: readonly string[];
  /** Planned from the provider's configuration. */
  readonly from?: "project" | "region";
  /** Defaults to the resource's name and seven random hex digits. */
  readonly autoname?: true;
  /** Whether two values are equivalent, given the object's other properties. */
  readonly same?: (before: unknown, after: unknown, others: Readonly<Record<string, unknown>>) => boolean;
}

export type Properties = Readonly<Record<string, Property>>;

export const text: Property = { type: { kind: "string" } };
export const number: Property = { type: { kind: "number" } };
export const int64: Property = { type: { kind: "int64" } };
export const flag: Property = { type: { kind: "boolean" } };
/** Strings by name, such as labels; the provider ignores names that the program does not set. */
export const map: Property = { type: { kind: "map" } };
/** Strings by name; the provider removes names that the program does not set. */
export const wholeMap: Property = { type: { kind: "map", whole: true } };
export const asset: Property = { type: { kind: "asset" } };
/** An output of any type. */
export const any: Property = { type: { kind: "any" } };

/** A list whose order matters. */
export const list = (items: Property): Property => ({ type: { kind: "list", items: items.type } });
/** A list whose order does not matter. */
export const set = (items: Property): Property => ({ type: { kind: "list", items: items.type, unordered: true } });
/** A list of one, which is an object in REST. */
export const single = (items: Property): Property => ({
  type: { kind: "list", items: items.type, unordered: true, single: true },
});
export const object = (properties: Properties): Property => ({ type: { kind: "object", properties } });
/** An object that is a list of one in REST. */
export const listed = (properties: Properties): Property => ({ type: { kind: "object", properties, listed: true } });
/** A list of objects whose order matters. */
export const objects = (properties: Properties): Property => list(object(properties));

export const required = (property: Property): Property => ({ ...property, required: true });
/** Changing it replaces the resource. */
export const replacing = (property: Property): Property => ({ ...property, replaces: true });
/** Sent, never read back, and secret in the state. */
export const secretly = (property: Property): Property => ({ ...property, secret: true });
/** Google sets it if the program does not, and then keeps it. */
export const computed = (property: Property): Property => ({ ...property, computed: true });
/** Sent outside the REST resource. */
export const apart = (property: Property): Property => ({ ...property, apart: true });
/** Only for the provider, never sent to Google. */
export const own = (property: Property): Property => ({ ...property, own: true });
/** Only Google sets it, once. */
export const output = (property: Property): Property => ({ ...property, output: "stable" });
/** Only Google sets it, and updates change it. */
export const changing = (property: Property): Property => ({ ...property, output: "changing" });
/** Has another path in the REST resource. */
export const named = (rest: string, property: Property): Property => ({ ...property, rest });
export const defaulting = (value: unknown, property: Property): Property => ({ ...property, default: value });
export const planning = (value: unknown, property: Property): Property => ({ ...property, planned: value });

/** The project, part of the path. */
export const project: Property = { ...text, apart: true, replaces: true, from: "project" };
/** A name in the path, generated if the program does not set it. */
export const autonamed: Property = { ...text, apart: true, replaces: true, autoname: true };

/** What deleting the resource does in Google Cloud. */
export const deletionPolicy: Property = { ...own(planning("DELETE", text)), oneOf: ["DELETE", "ABANDON", "PREVENT"] };
/** Whether the provider keeps the program's value because Google does not return it. */
export function isKept(property: Property | undefined): boolean {
  return (property?.own ?? property?.apart ?? property?.secret) === true;
}
/** Prevents deletion while true. */
export const deletionProtection = (assumed: boolean): Property => own(defaulting(assumed, flag));
