import { randomBytes, randomInt } from "node:crypto";
import type { Fields } from "./fields.ts";
import type { Live, ResourceType } from "./provider.ts";
import { apart, computed, planning, flag, map, number, output, type Properties, required, text } from "./schema.ts";

const DIGITS = "0123456789";
const LOWER = "abcdefghijklmnopqrstuvwxyz";
const UPPER = LOWER.toUpperCase();
/** The official provider's special characters. */
const SPECIAL = "!@#$%&*()-_=+[]{}<>:?";

const password: Properties = {
  length: apart(required(number)),
  keepers: apart(map),
  lower: apart(planning(true, flag)),
  upper: apart(planning(true, flag)),
  numeric: apart(computed(flag)),
  number: apart(computed(flag)),
  special: apart(planning(true, flag)),
  minLower: apart(planning(0, number)),
  minUpper: apart(planning(0, number)),
  minNumeric: apart(planning(0, number)),
  minSpecial: apart(planning(0, number)),
  overrideSpecial: apart(text),
  result: { ...output(text), secret: true },
};

function draw(inputs: Fields): string {
  const special = typeof inputs.overrideSpecial === "string" ? inputs.overrideSpecial : SPECIAL;
  const classes = [
    { allowed: inputs.lower, minimum: inputs.minLower, characters: LOWER },
    { allowed: inputs.upper, minimum: inputs.minUpper, characters: UPPER },
    { allowed: isNumeric(inputs), minimum: inputs.minNumeric, characters: DIGITS },
    { allowed: inputs.special, minimum: inputs.minSpecial, characters: special },
  ];
  const length = Number(inputs.length);
  const alphabet = classes.flatMap(({ allowed, characters }) => (allowed === true ? [characters] : [])).join("");
  const required = classes.flatMap(({ minimum, characters }) => pick(characters, Number(minimum)));
  if (required.length > length) throw new Error(`length is ${length}, but the minimums add up to ${required.length}`);
  if (alphabet === "" && required.length < length) throw new Error("no class of characters is allowed");
  return shuffle([...required, ...pick(alphabet, length - required.length)]).join("");
}

/** `number` is the older name of `numeric`. */
const isNumeric = ({ numeric, number }: Fields): boolean => (numeric ?? number ?? true) === true;

function pick(characters: string, count: number): string[] {
  return Array.from({ length: count }, () => characters.charAt(randomInt(characters.length)));
}

function shuffle(characters: string[]): string[] {
  const left = [...characters];
  return characters.flatMap(() => left.splice(randomInt(left.length), 1));
}

const randomPassword: ResourceType = {
  token: "random:index/randomPassword:RandomPassword",
  properties: password,
  idForms: ["the password itself"],
  parseId: (id) => ({ result: id, length: id.length }),
  create: (_google, inputs) => {
    const result = draw(inputs);
    return Promise.resolve({ id: "none", values: { result, numeric: isNumeric(inputs), number: isNumeric(inputs) } });
  },
  read: (_google, _id, known) => Promise.resolve({ id: "none", values: known }),
  delete: () => Promise.resolve(),
};

const randomString: ResourceType = {
  ...randomPassword,
  token: "random:index/randomString:RandomString",
  properties: { ...password, result: output(text) },
  idForms: ["the string itself"],
  create: async (google, inputs) => {
    const { values } = await randomPassword.create(google, inputs);
    return { id: String(values.result), values };
  },
  read: (_google, id, known) => Promise.resolve({ id, values: known }),
};

/** The official provider's id of it is the value too, although it is a secret. */
const bytesOf = (bytes: Buffer): Live => {
  const base64 = bytes.toString("base64");
  return { id: base64, values: { base64, hex: bytes.toString("hex"), length: bytes.length } };
};

const bytes: ResourceType = {
  token: "random:index/randomBytes:RandomBytes",
  properties: {
    length: apart(required(number)),
    keepers: apart(map),
    base64: { ...output(text), secret: true },
    hex: { ...output(text), secret: true },
  },
  idForms: ["the bytes in base64"],
  parseId: (id) => bytesOf(Buffer.from(id, "base64")).values,
  create: (_google, inputs) => Promise.resolve(bytesOf(randomBytes(Number(inputs.length)))),
  read: (_google, id, known) => Promise.resolve({ id, values: known }),
  delete: () => Promise.resolve(),
};

const id: Properties = {
  byteLength: apart(required(number)),
  keepers: apart(map),
  prefix: apart(text),
  b64Std: output(text),
  b64Url: output(text),
  dec: output(text),
  hex: output(text),
};

function describe(bytes: Buffer, prefix: unknown): Live {
  const before = typeof prefix === "string" ? prefix : "";
  const hex = bytes.toString("hex");
  const url = bytes.toString("base64url");
  return {
    id: url,
    values: {
      b64Std: before + bytes.toString("base64"),
      b64Url: before + url,
      dec: before + BigInt(`0x${hex}`).toString(),
      hex: before + hex,
    },
  };
}

const randomId: ResourceType = {
  token: "random:index/randomId:RandomId",
  properties: id,
  idForms: ["{b64Url}", "{prefix},{b64Url}"],
  parseId: (text) => {
    const [url = "", prefix] = text.split(",").reverse();
    return { byteLength: Buffer.from(url, "base64url").length, b64Url: url, ...(prefix !== undefined && { prefix }) };
  },
  create: (_google, inputs) => {
    return Promise.resolve(describe(randomBytes(Number(inputs.byteLength)), inputs.prefix));
  },
  read: (_google, _id, known) => {
    const { prefix, b64Url } = known;
    const before = typeof prefix === "string" ? prefix.length : 0;
    const isImport = known.hex === undefined;
    const bytes = Buffer.from(String(b64Url).slice(isImport ? 0 : before), "base64url");
    const live = describe(bytes, prefix);
    return Promise.resolve({ ...live, values: { ...known, ...live.values } });
  },
  delete: () => Promise.resolve(),
};

/** The supported resource types of `@pulumi/random`; their values exist only in the state. */
export const randomTypes: readonly ResourceType[] = [randomPassword, randomString, bytes, randomId];
