/** The properties of a resource type: what a program may set, and how that stands in Google's REST resource. */

export type Type =
  | { readonly kind: "string" | "number" | "boolean" | "map" | "asset" | "any" }
  /** A number that Google's JSON writes as a string. */
  | { readonly kind: "int64" }
  /** `unordered`: a list whose order means nothing, such as flags. */
  | { readonly kind: "list"; readonly items: Type; readonly unordered?: true }
  /** `listed`: an object that REST has as a list of one. */
  | { readonly kind: "object"; readonly properties: Properties; readonly listed?: true };

export interface Property {
  readonly type: Type;
  readonly required?: true;
  /** Whether a change makes a new resource; a function decides by the values before and after. */
  readonly replaces?: true | ((before: unknown, after: unknown) => boolean);
  /** Sent, never read back, and secret wherever it is kept. */
  readonly secret?: true;
  /** Only Google sets it. `changing`: an update of the resource gives it another value. */
  readonly output?: "stable" | "changing";
  /** Google fills it in where the program says nothing, and then its value stays. */
  readonly computed?: true;
  /** Not in the REST resource, and sent in another way: in the path, as an upload. Kept as the program says it. */
  readonly apart?: true;
  /** The provider's own business, which Google never hears of. Kept as the program says it. */
  readonly own?: true;
  /** Path in the REST resource, steps separated by dots, where it is not the property's name. */
  readonly rest?: string;
  /** What is assumed where the program says nothing. */
  readonly default?: unknown;
  /** The values it may have. */
  readonly oneOf?: readonly string[];
  /** Where the program says nothing, the provider's configuration does. */
  readonly from?: "project" | "region";
  /** Where the program says nothing, the resource's name and seven random hex digits. */
  readonly autoname?: true;
  /** Whether two ways of writing it mean the same. */
  readonly same?: (before: unknown, after: unknown) => boolean;
}

export type Properties = Readonly<Record<string, Property>>;

export const text: Property = { type: { kind: "string" } };
export const number: Property = { type: { kind: "number" } };
/** A number that Google's JSON writes as a string. */
export const int64: Property = { type: { kind: "int64" } };
export const flag: Property = { type: { kind: "boolean" } };
/** Strings by name, such as labels; what the program does not mention belongs to somebody else. */
export const map: Property = { type: { kind: "map" } };
/** A file's content. */
export const asset: Property = { type: { kind: "asset" } };
/** Whatever Google answers; for outputs. */
export const any: Property = { type: { kind: "any" } };

/** A list whose order matters. */
export const list = (items: Property): Property => ({ type: { kind: "list", items: items.type } });
/** A list whose order does not matter. */
export const set = (items: Property): Property => ({ type: { kind: "list", items: items.type, unordered: true } });
/** An object. */
export const object = (properties: Properties): Property => ({ type: { kind: "object", properties } });
/** An object that REST has as a list of one. */
export const listed = (properties: Properties): Property => ({ type: { kind: "object", properties, listed: true } });
/** A list of objects whose order matters. */
export const objects = (properties: Properties): Property => list(object(properties));

/** The program must set it. */
export const required = (property: Property): Property => ({ ...property, required: true });
/** A change of it makes a new resource. */
export const replacing = (property: Property): Property => ({ ...property, replaces: true });
/** Sent, never read back, and secret wherever it is kept. */
export const secretly = (property: Property): Property => ({ ...property, secret: true });
/** Google fills it in where the program says nothing, and then its value stays. */
export const computed = (property: Property): Property => ({ ...property, computed: true });
/** Not in the REST resource, and sent in another way. */
export const apart = (property: Property): Property => ({ ...property, apart: true });
/** The provider's own business, which Google never hears of. */
export const own = (property: Property): Property => ({ ...property, own: true });
/** Only Google sets it, and it stays. */
export const output = (property: Property): Property => ({ ...property, output: "stable" });
/** Only Google sets it, anew with each update. */
export const changing = (property: Property): Property => ({ ...property, output: "changing" });
/** It is at another path in the REST resource. */
export const named = (rest: string, property: Property): Property => ({ ...property, rest });
/** It has this value where the program says nothing. */
export const defaulting = (value: unknown, property: Property): Property => ({ ...property, default: value });

/** The project, part of the path. */
export const project: Property = { ...text, apart: true, replaces: true, from: "project" };
/** A name in the path that is made up where the program gives none. */
export const autonamed: Property = { ...text, apart: true, replaces: true, autoname: true };

/** What happens in Google Cloud when the resource is deleted: by default it is deleted there too. */
export const deletionPolicy: Property = { ...own(defaulting("DELETE", text)), oneOf: ["DELETE", "ABANDON", "PREVENT"] };
/** Whether the provider keeps what the program says, because Google does not tell. */
export function isKept(property: Property | undefined): boolean {
  return (property?.own ?? property?.apart ?? property?.secret) === true;
}
/** Refuses to delete while it is true. */
export const deletionProtection = (assumed: boolean): Property => own(defaulting(assumed, flag));
