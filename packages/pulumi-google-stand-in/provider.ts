import { type Fields, isFields } from "./fields.ts";
import { check, isAutoname, withoutDefaults } from "./check.ts";
import { type Difference, differences, refreshed, topLevel } from "./diff.ts";
import { absent, type Google, OperationError } from "./google.ts";
import { isKept, type Properties, type Type } from "./schema.ts";
import { filled, keepsForeign } from "./unset.ts";
import { isEmpty, isSecret, reveal, sealLike, secret, UNKNOWN } from "./values.ts";

/** A resource as Google has it. */
export interface Live {
  readonly id: string;
  /** The properties that Google returns. */
  readonly values: Fields;
}

/** A resource type: its properties and how it is created, read, updated and deleted. All values are plain. */
export interface ResourceType {
  /** Such as `gcp:sql/user:User`. */
  readonly token: string;
  readonly properties: Properties;
  readonly create: (google: Google, inputs: Fields) => Promise<Live>;
  /**
   * Undefined if the resource does not exist.
   * @param known Its properties or, on import, the parts of its id.
   */
  readonly read: (google: Google, id: string, known: Fields) => Promise<Live | undefined>;
  /** Outputs that follow from the inputs, known before Google answers. */
  readonly planned?: (inputs: Fields) => Fields;
  /** Absent if every change replaces the resource. */
  readonly update?: (google: Google, id: string, change: Change) => Promise<Live>;
  readonly delete: (google: Google, id: string, state: Fields) => Promise<unknown>;
  /**
   * The parts of an import id; undefined if it has another form. A type without this function cannot be imported.
   * @param defaults The provider's project and region, for an id that leaves them out.
   */
  readonly parseId?: (id: string, defaults?: Google["configuration"]) => Fields | undefined;
  /** The forms that {@link parseId} accepts, for its error. */
  readonly idForms?: readonly string[];
}

/** @throws Error if a resource cannot be read right after it was created or updated. */
export function existing(live: Live | undefined, what: string): Live {
  if (!live) throw new Error(`${what} was created or updated, but cannot be found.`);
  return live;
}

/** What an update changes. */
export interface Change {
  /** The outputs before the update. */
  readonly before: Fields;
  /** The program's properties, and Google's values of computed properties that it does not set. */
  readonly after: Fields;
  /** The changed top-level properties. */
  readonly changed: readonly string[];
}

/** A resource was created but does not work: it stays in the state, and the next update tries again. */
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
  /** Random resources do not need it. */
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
  /** Dotted paths of the properties that keep Google's values. */
  readonly ignoreChanges: readonly string[];
}

export interface DiffResult {
  readonly differences: readonly Difference[];
  /** Whether the old resource must be deleted first because both have the same name. */
  readonly deleteBeforeReplace: boolean;
}

export interface UpdateRequest extends DiffRequest {
  readonly id: string;
  readonly preview: boolean;
}

export interface ReadRequest extends Target {
  readonly id: string;
  /** Empty on import. */
  readonly inputs: Fields;
  readonly state: Fields;
}

/** A resource in the state. */
export interface State {
  readonly id: string;
  readonly inputs: Fields;
  readonly outputs: Fields;
}

/** Implements the requests of Pulumi's engine for some resource types. */
export class Provider {
  private readonly types: ReadonlyMap<string, ResourceType>;

  constructor(types: readonly ResourceType[]) {
    this.types = new Map(types.map((type) => [type.token, type]));
  }

  /** Checks a program's properties and adds defaults. */
  check(request: CheckRequest): { inputs: Fields; failures: readonly string[] } {
    const { properties, token } = this.typeOf(request.urn);
    const { olds, news, seed } = request;
    const { project } = request.google.configuration;
    const checked = check(properties, news, {
      name: nameOf(request.urn),
      olds,
      seed,
      project,
      listsDefaults: token.startsWith("gcp:"),
    });
    return { ...checked, inputs: seal(properties, checked.inputs) };
  }

  /** What an update would change. */
  diff(request: DiffRequest): DiffResult {
    const type = this.typeOf(request.urn);
    const { properties, update } = type;
    const before = plain(request.oldOutputs);
    const found = differences(properties, plain(request.oldInputs), before, wanted(type, request)).map((difference) =>
      update || properties[topLevel(difference.path)]?.own ? difference : { ...difference, replaces: true },
    );
    const replaced = found.filter(({ replaces }) => replaces).map(({ path }) => path);
    const name = Object.keys(properties).find((property) => properties[property]?.autoname);
    const collides =
      name !== undefined && !replaced.includes(name) && !isAutoname(nameOf(request.urn), plain(request.news)[name]);
    return { differences: found, deleteBeforeReplace: replaced.length > 0 && collides };
  }

  /**
   * Creates a resource; a preview makes no call.
   * @throws InitError if Google created the resource but it does not work.
   */
  async create(request: Target & { news: Fields; preview: boolean }): Promise<{ id: string; outputs: Fields }> {
    const type = this.typeOf(request.urn);
    const { google } = request;
    const news = plan(type, request);
    if (request.preview) return { id: "", outputs: { ...type.planned?.(plain(news)), ...seal(type.properties, news) } };
    const inputs = plain(news);
    const live = await orInitError(type, news, () => type.create(google, inputs), undefined, google, inputs);
    return { id: live.id, outputs: filled(type.token, outputs(type, news, live)) };
  }

  /**
   * Reads a resource to refresh it or, if the state is empty, to import it.
   * @returns Undefined if it no longer exists.
   * @throws Error if there is nothing to import.
   */
  async read(request: ReadRequest): Promise<State | undefined> {
    const type = this.typeOf(request.urn);
    const { google, id, state } = request;
    const importing = Object.keys(state).length === 0;
    // After an interrupted creation the state has the inputs only, and the id alone names the project.
    const known = importing ? parseId(type, id, google) : { ...type.parseId?.(id), ...plain(state) };
    const live = await type.read(google, id, known);
    if (!live) {
      if (importing) throw new Error(`There is no ${type.token} "${id}" to import.`);
      return undefined;
    }
    if (!importing) {
      // After an interrupted creation the state has no defaults yet.
      const outs = outputs(type, withDefaults(type.properties, { ...state, ...request.inputs }), live, known);
      const inputs = refreshed(type.properties, reveal(request.inputs) as Fields, plain(outs));
      return {
        id: live.id,
        inputs: sealLike(request.inputs, seal(type.properties, inputs)) as Fields,
        outputs: filled(type.token, outs),
      };
    }
    const outs = outputs(type, withDefaults(type.properties, known), live);
    return { id: live.id, inputs: settable(type.properties, outs), outputs: filled(type.token, outs) };
  }

  /**
   * Updates a resource; a preview makes no call and keeps the outputs that the update does not change.
   * @throws InitError if Google changed the resource but it does not work.
   */
  async update(request: UpdateRequest): Promise<Fields> {
    const type = this.typeOf(request.urn);
    const { google, id } = request;
    const news = plan(type, request);
    const before = plain(request.oldOutputs);
    const own = wanted(type, request);
    const after = completed(type.properties, withForeign(type, plain(request.oldInputs), before, own), before);
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
    const live = await orInitError(type, news, work, id, google, { ...before, ...after });
    return filled(type.token, outputs(type, news, live));
  }

  /**
   * Deletes a resource, unless it is already gone.
   * @throws Error if the resource is protected.
   */
  async delete(request: Target & { id: string; state: Fields }): Promise<void> {
    const type = this.typeOf(request.urn);
    const state = plain(request.state);
    if (state.deletionPolicy === "ABANDON") return;
    if (state.deletionPolicy === "PREVENT" || state.deletionProtection === true) {
      const guard = state.deletionPolicy === "PREVENT" ? "deletionPolicy is PREVENT" : "deletionProtection is true";
      throw new Error(
        `${type.token} "${request.id}" is protected: its ${guard}. Change that and update before deleting it.`,
      );
    }
    await absent(type.delete(request.google, request.id, state).then(() => ({})));
  }

  /** Refuses a function of the official provider. @throws Error that names it and says what to install. */
  invoke(token: string): never {
    throw new Error(
      `The stand-in provider does not run functions such as "${token}". Install the official provider, ` +
        `with pulumi plugin install resource ${token.split(":")[0] ?? "gcp"}, and run the command again.`,
    );
  }

  private typeOf(urn: string): ResourceType {
    const token = urn.split("::")[2]?.split("$").at(-1) ?? urn;
    const type = this.types.get(token);
    if (!type) {
      throw new Error(
        `The stand-in provider does not support the resource type "${token}". Install the official provider, ` +
          `with pulumi plugin install resource ${token.split(":")[0] ?? "gcp"}, and run the command again.`,
      );
    }
    return type;
  }
}

function plain(values: Fields): Fields {
  return withoutDefaults(reveal(values)) as Fields;
}

/** The program's properties and, where it sets none, what the provider plans. */
function plan(type: ResourceType, { google, news }: { readonly google: Google; readonly news: Fields }): Fields {
  const planned = Object.entries(type.properties).flatMap(([name, { from, planned }]) => {
    const value = from ? google.configuration[from] : planned;
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(planned), ...(withoutDefaults(news) as Fields) };
}

/** The program's properties, with Google's values of those whose changes are ignored. */
function wanted(type: ResourceType, request: DiffRequest): Fields {
  const before = plain(request.oldOutputs);
  const after = plain(plan(type, request));
  return request.ignoreChanges.reduce((values, path) => ignoring(values, before, path.split(".")), after);
}

/** The program's properties, with the labels and annotations of other clients, which the provider sends back. */
function withForeign({ token }: ResourceType, olds: Fields, before: Fields, after: Fields): Fields {
  const kept = ["labels", "annotations"].flatMap((name) => {
    const [set, live, next] = [olds[name], before[name], after[name]].map((map) => (isFields(map) ? map : {}));
    const foreign = Object.entries(live ?? {}).filter(([key]) => !Object.hasOwn(set ?? {}, key));
    return foreign.length > 0 && keepsForeign(token, name)
      ? [[name, { ...Object.fromEntries(foreign), ...next }] as const]
      : [];
  });
  return { ...after, ...Object.fromEntries(kept) };
}

function ignoring(after: Fields, before: Fields, [step = "", ...rest]: readonly string[]): Fields {
  const [inner, kept] = [after[step], before[step]];
  if (rest.length === 0) return { ...after, [step]: kept };
  return isFields(inner) && isFields(kept) ? { ...after, [step]: ignoring(inner, kept, rest) } : after;
}

function nameOf(urn: string): string {
  return urn.split("::").slice(3).join("::");
}

function parseId(type: ResourceType, id: string, google: Google): Fields {
  if (!type.parseId) throw new Error(`${type.token} cannot be imported, as in the official provider.`);
  const known = type.parseId(id, google.configuration);
  if (known) return known;
  throw new Error(`"${id}" is not an id of ${type.token}; expected ${(type.idForms ?? []).join(" or ")}.`);
}

/** The values that the provider keeps because Google does not return them. */
function ownValues(properties: Properties, values: Fields): Fields {
  return Object.fromEntries(Object.entries(values).filter(([name]) => isKept(properties[name])));
}

/**
 * The outputs of a resource: what Google returns and what the provider keeps. Secrets of the program stay secret.
 * @param program The program's properties.
 */
function outputs(type: ResourceType, program: Fields, live: Live, known: Fields = {}): Fields {
  const { properties } = type;
  const merged = { ...ownValues(properties, { ...known, ...plain(program) }), ...live.values };
  const present = Object.entries(merged).filter(([, value]) => value !== undefined);
  return sealLike(program, seal(properties, Object.fromEntries(present))) as Fields;
}

/** Marks secret properties. */
function seal(properties: Properties, values: Fields): Fields {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      (properties[name]?.secret ?? properties[name]?.sealed) ? secret(value) : value,
    ]),
  );
}

/** The inputs that produce these outputs. */
function settable(properties: Properties, outs: Fields): Fields {
  const entries = Object.entries(outs).flatMap(([name, value]) => {
    const property = properties[name];
    const foreign = property?.type.kind === "map" && !property.type.whole && !property.computed && !property.required;
    if (
      !property ||
      property.output ||
      foreign ||
      value === null ||
      value === "" ||
      (Array.isArray(value) && value.length === 0)
    )
      return [];
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
    isKept(property) ? [[name, property.default ?? property.planned] as const] : [],
  );
  return { ...Object.fromEntries(defaults), ...values };
}

/** The program's properties, and the old values of computed properties that it does not set. */
function completed(properties: Properties, values: Fields, before: Fields): Fields {
  const result = { ...values };
  for (const [name, { type, computed }] of Object.entries(properties)) {
    const [value, old] = [values[name], before[name]];
    if (value === undefined) {
      if (computed && !isEmpty(old)) result[name] = set(old);
    } else {
      result[name] = completedValue(type, value, old);
    }
  }
  return result;
}

/** The value without what is not set, at any depth. */
function set(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(set);
  if (!isFields(value)) return value;
  const entries = Object.entries(value).filter(([, inner]) => inner === false || !isEmpty(inner));
  return Object.fromEntries(entries.map(([name, inner]) => [name, set(inner)]));
}

function completedValue(type: Type, value: unknown, old: unknown): unknown {
  if (type.kind === "list" && Array.isArray(value) && Array.isArray(old) && !type.unordered) {
    return value.map((item: unknown, index) => completedValue(type.items, item, old[index]));
  }
  if (type.kind !== "object") return value;
  return isFields(value) ? completed(type.properties, value, isFields(old) ? old : {}) : value;
}

/**
 * Does the work; if the operation fails but leaves a resource, throws an InitError with it.
 * @param id Undefined on creation.
 */
async function orInitError(
  type: ResourceType,
  program: Fields,
  work: () => Promise<Live>,
  id: string | undefined,
  google: Google,
  known: Fields,
): Promise<Live> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof OperationError)) throw error;
    const left = await type.read(google, id ?? "", known);
    if (!left) throw error;
    throw new InitError(left.id, filled(type.token, outputs(type, program, left)), error.message);
  }
}
