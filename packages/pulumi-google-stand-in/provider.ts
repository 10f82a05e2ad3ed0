import { type Fields, isFields } from "./fields.ts";
import { check, isAutoname } from "./check.ts";
import { type Difference, differences, refreshed, topLevel } from "./diff.ts";
import { absent, type Google, OperationError } from "./google.ts";
import { isKept, type Properties, type Type } from "./schema.ts";
import { isSecret, reveal, sealLike, secret, UNKNOWN } from "./values.ts";

/** A resource as a type's functions return it. */
export interface Live {
  readonly id: string;
  /** What Google answers, as properties; those of the provider's own are added from the program. */
  readonly values: Fields;
}

/** What is known of a resource before it is read: its properties or, on import, the parts of its id. */
export type Known = Fields;

/** A resource type: its properties and how it is created, read, updated and deleted. All values are plain. */
export interface ResourceType {
  /** Such as `gcp:sql/user:User`. */
  readonly token: string;
  readonly properties: Properties;
  readonly create: (google: Google, inputs: Fields) => Promise<Live>;
  /** Undefined where the resource is not there. */
  readonly read: (google: Google, id: string, known: Known) => Promise<Live | undefined>;
  /** Absent where every change makes a new resource. */
  readonly update?: (google: Google, id: string, change: Change) => Promise<Live>;
  readonly delete: (google: Google, id: string, state: Fields) => Promise<unknown>;
  /**
   * The parts of an id as the official provider accepts it for import.
   * @returns Undefined where the id has another form; a type without this function cannot be imported.
   */
  readonly parseId?: (id: string) => Fields | undefined;
  /** The forms of id that {@link parseId} knows, for its error. */
  readonly idForms?: readonly string[];
}

/** What an update changes. */
export interface Change {
  /** The outputs until now. */
  readonly before: Fields;
  /** The program's properties, with what Google filled in where the program says nothing. */
  readonly after: Fields;
  /** The properties that differ, at the top level. */
  readonly changed: readonly string[];
}

/** A resource that exists but is not as it should be: it is kept in the state, and the next update tries again. */
export class InitError extends Error {
  readonly id: string;
  readonly outputs: Fields;
  readonly reason: string;

  constructor(id: string, outputs: Fields, reason: string) {
    super(reason);
    this.id = id;
    this.outputs = outputs;
    this.reason = reason;
    this.name = "InitError";
  }
}

export interface Target {
  readonly urn: string;
  /** Where and as whom; random resources do not need it. */
  readonly google: Google;
}

export interface CheckRequest extends Target {
  readonly olds: Fields;
  readonly news: Fields;
  readonly seed: Uint8Array;
}

export interface DiffRequest extends Target {
  readonly oldInputs: Fields;
  readonly oldOutputs: Fields;
  readonly news: Fields;
}

export interface DiffResult {
  readonly differences: readonly Difference[];
  /** Whether the old one must go first, because both would have the same name. */
  readonly deleteBeforeReplace: boolean;
}

export interface UpdateRequest extends DiffRequest {
  readonly id: string;
  readonly preview: boolean;
}

export interface ReadRequest extends Target {
  readonly id: string;
  /** Empty where the resource is imported. */
  readonly inputs: Fields;
  readonly state: Fields;
}

/** What becomes the state of a resource. */
export interface State {
  readonly id: string;
  readonly inputs: Fields;
  readonly outputs: Fields;
}

/** A provider of the resource types in a table. */
export class Provider {
  private readonly types: ReadonlyMap<string, ResourceType>;

  constructor(types: readonly ResourceType[]) {
    this.types = new Map(types.map((type) => [type.token, type]));
  }

  /** Names a program's mistakes, and fills in what it left out. */
  check(request: CheckRequest): { inputs: Fields; failures: readonly string[] } {
    const { properties } = this.typeOf(request.urn);
    const { olds, news, seed } = request;
    const { project, region } = request.google.configuration;
    const checked = check(properties, news, { name: nameOf(request.urn), olds, seed, project, region });
    return { ...checked, inputs: seal(properties, checked.inputs) };
  }

  /** What an update would change. */
  diff(request: DiffRequest): DiffResult {
    const { properties, update } = this.typeOf(request.urn);
    const [had, before, after] = [request.oldInputs, request.oldOutputs, request.news].map(plain);
    const found = differences(properties, had ?? {}, before ?? {}, after ?? {}).map((difference) =>
      update || properties[topLevel(difference.path)]?.own ? difference : { ...difference, replaces: true },
    );
    const replaced = found.filter(({ replaces }) => replaces).map(({ path }) => path);
    const name = Object.keys(properties).find((property) => properties[property]?.autoname);
    const collides =
      name !== undefined && !replaced.includes(name) && !isAutoname(nameOf(request.urn), plain(request.news)[name]);
    return { differences: found, deleteBeforeReplace: replaced.length > 0 && collides };
  }

  /**
   * Makes a resource; in a preview nothing is called.
   * @throws InitError where Google made the resource and it does not work.
   */
  async create(request: Target & { news: Fields; preview: boolean }): Promise<{ id: string; outputs: Fields }> {
    const type = this.typeOf(request.urn);
    const { google, news } = request;
    if (request.preview) return { id: "", outputs: seal(type.properties, news) };
    const inputs = plain(news);
    const live = await whole(type, news, () => type.create(google, inputs), undefined, google, inputs);
    return { id: live.id, outputs: outputs(type, news, live) };
  }

  /**
   * Reads a resource: to refresh it, or to import it where the state is empty.
   * @returns Undefined where a resource that was there is gone.
   * @throws Error where there is nothing to import.
   */
  async read(request: ReadRequest): Promise<State | undefined> {
    const type = this.typeOf(request.urn);
    const { google, id, state } = request;
    const importing = Object.keys(state).length === 0;
    const known = importing ? parseId(type, id) : plain(state);
    const live = await type.read(google, id, known);
    if (!live) {
      if (importing) throw new Error(`There is no ${type.token} "${id}" to import.`);
      return undefined;
    }
    if (!importing) {
      const outs = outputs(type, { ...state, ...request.inputs }, live, known);
      const inputs = refreshed(type.properties, plain(request.inputs), plain(outs));
      return { id: live.id, inputs: sealLike(request.inputs, seal(type.properties, inputs)) as Fields, outputs: outs };
    }
    const outs = outputs(type, withDefaults(type.properties, known), live);
    return { id: live.id, inputs: settable(type.properties, outs), outputs: outs };
  }

  /**
   * Changes a resource; in a preview nothing is called, and what stays is known.
   * @throws InitError where Google changed the resource and it does not work.
   */
  async update(request: UpdateRequest): Promise<Fields> {
    const type = this.typeOf(request.urn);
    const { google, id, news } = request;
    const before = plain(request.oldOutputs);
    const after = completed(type.properties, plain(news), before);
    if (request.preview) {
      const changing = Object.keys(type.properties).filter((name) => type.properties[name]?.output === "changing");
      const kept = Object.entries(request.oldOutputs).filter(([name]) => {
        const property = type.properties[name];
        return property?.output ?? property?.computed;
      });
      const unknown = Object.fromEntries(changing.map((name) => [name, UNKNOWN]));
      return { ...Object.fromEntries(kept), ...seal(type.properties, news), ...unknown };
    }
    const changed = [...new Set(this.diff(request).differences.map(({ path }) => topLevel(path)))];
    const { update } = type;
    if (!update || (changed.length > 0 && changed.every((name) => type.properties[name]?.own))) {
      return { ...request.oldOutputs, ...seal(type.properties, ownValues(type.properties, news)) };
    }
    const work = () => update(google, id, { before, after, changed });
    return outputs(type, news, await whole(type, news, work, id, google, { ...before, ...after }));
  }

  /**
   * Deletes a resource; one that is gone already is deleted.
   * @throws Error where the resource is protected.
   */
  async delete(request: Target & { id: string; state: Fields }): Promise<void> {
    const type = this.typeOf(request.urn);
    const state = plain(request.state);
    if (state.deletionPolicy === "ABANDON") return;
    if (state.deletionPolicy === "PREVENT" || state.deletionProtection === true) {
      const guard = state.deletionPolicy === "PREVENT" ? "deletionPolicy is PREVENT" : "deletionProtection is true";
      throw new Error(`${type.token} "${request.id}" may not be deleted: its ${guard}. Change that and update first.`);
    }
    await absent(type.delete(request.google, request.id, state).then(() => ({})));
  }

  private typeOf(urn: string): ResourceType {
    const token = urn.split("::")[2]?.split("$").at(-1) ?? urn;
    const type = this.types.get(token);
    if (!type) {
      throw new Error(
        `The stand-in provider has no resource type "${token}"; it has: ${[...this.types.keys()].join(", ")}. ` +
          "Add it to packages/pulumi-google-stand-in, or install the official provider.",
      );
    }
    return type;
  }
}

function plain(values: Fields): Fields {
  return reveal(values) as Fields;
}

function nameOf(urn: string): string {
  return urn.split("::").slice(3).join("::");
}

function parseId(type: ResourceType, id: string): Fields {
  if (!type.parseId) throw new Error(`${type.token} cannot be imported, by the official provider neither.`);
  const known = type.parseId(id);
  if (known) return known;
  throw new Error(`"${id}" is not an id of ${type.token}; expected ${(type.idForms ?? []).join(" or ")}.`);
}

/** What the provider itself keeps: what Google does not know, and what it does not tell. */
function ownValues(properties: Properties, values: Fields): Fields {
  return Object.fromEntries(Object.entries(values).filter(([name]) => isKept(properties[name])));
}

/**
 * The outputs of a resource: what Google answers and what the provider keeps, secret where the program's are.
 * @param program The program's properties.
 */
function outputs(type: ResourceType, program: Fields, live: Live, known: Fields = {}): Fields {
  const { properties } = type;
  const merged = { ...ownValues(properties, { ...known, ...plain(program) }), ...live.values };
  const present = Object.entries(merged).filter(([, value]) => value !== undefined);
  return sealLike(program, seal(properties, Object.fromEntries(present))) as Fields;
}

/** Marks what the table calls secret. */
function seal(properties: Properties, values: Fields): Fields {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, properties[name]?.secret ? secret(value) : value]),
  );
}

/** What a program would set to get these outputs. */
function settable(properties: Properties, outs: Fields): Fields {
  const entries = Object.entries(outs).flatMap(([name, value]) => {
    const property = properties[name];
    if (!property || property.output || value === "" || (Array.isArray(value) && value.length === 0)) return [];
    return [[name, settableValue(property.type, value)] as const];
  });
  return Object.fromEntries(entries);
}

function settableValue(type: Type, value: unknown): unknown {
  if (type.kind === "list" && Array.isArray(value)) {
    return value.map((item: unknown) => settableValue(type.items, item));
  }
  return type.kind === "object" && isFields(value) && !isSecret(value) ? settable(type.properties, value) : value;
}

function withDefaults(properties: Properties, values: Fields): Fields {
  const defaults = Object.entries(properties).flatMap(([name, property]) =>
    isKept(property) && property.default !== undefined ? [[name, property.default] as const] : [],
  );
  return { ...Object.fromEntries(defaults), ...values };
}

/** The program's properties, and what Google had filled in where the program says nothing. */
function completed(properties: Properties, values: Fields, before: Fields): Fields {
  const result = { ...values };
  for (const [name, { type, computed }] of Object.entries(properties)) {
    const [value, old] = [values[name], before[name]];
    if (value === undefined) {
      if (computed && old !== undefined) result[name] = old;
    } else {
      result[name] = completedValue(type, value, old);
    }
  }
  return result;
}

function completedValue(type: Type, value: unknown, old: unknown): unknown {
  if (type.kind === "list" && Array.isArray(value) && Array.isArray(old) && !type.unordered) {
    return value.map((item: unknown, index) => completedValue(type.items, item, old[index]));
  }
  if (type.kind !== "object") return value;
  return isFields(value) ? completed(type.properties, value, isFields(old) ? old : {}) : value;
}

/**
 * Does the work; where Google began and failed, and left a resource, that resource goes into the error.
 * @param id Undefined where the resource is being created.
 */
async function whole(
  type: ResourceType,
  program: Fields,
  work: () => Promise<Live>,
  id: string | undefined,
  google: Google,
  known: Known,
): Promise<Live> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof OperationError)) throw error;
    const left = await type.read(google, id ?? "", known);
    if (!left) throw error;
    throw new InitError(left.id, outputs(type, program, left), error.message);
  }
}
