import { GoogleError } from "./errors.ts";
import { isFields } from "./fields.ts";

/** The fields to return: `true` is a whole one. */
type Selection = true | Map<string, Selection>;

/**
 * Picks the fields that the query parameter `fields` names, such as `nextPageToken,items(id,owner/name)`.
 * https://cloud.google.com/storage/docs/json_api#partial-response
 * @throws GoogleError INVALID_ARGUMENT if it is not such a list.
 */
export function select(answer: unknown, fields: string): unknown {
  const tokens = fields.match(/[^,/()]+|[,/()]/g) ?? [];
  const selection = readList(tokens);
  if (tokens.length > 0) throw invalid(fields);
  return pick(answer, selection);

  function readList(rest: string[]): Map<string, Selection> {
    const list = new Map<string, Selection>();
    do {
      const name = rest.shift() ?? "";
      if (/^[,/()]?$/.test(name)) throw invalid(fields);
      const inner = readInner(rest);
      const known = list.get(name);
      list.set(name, inner === true || known === true ? true : new Map([...(known ?? []), ...inner]));
    } while (rest[0] === "," && rest.shift());
    return list;
  }

  function readInner(rest: string[]): Selection {
    if (rest[0] === "/") {
      const [, name = ""] = rest.splice(0, 2);
      if (/^[,/()]?$/.test(name)) throw invalid(fields);
      return new Map([[name, readInner(rest)]]);
    }
    if (rest[0] !== "(") return true;
    rest.shift();
    const list = readList(rest);
    if (rest.shift() !== ")") throw invalid(fields);
    return list;
  }
}

function pick(value: unknown, selection: Selection): unknown {
  if (selection === true) return value;
  if (Array.isArray(value)) return value.map((item) => pick(item, selection));
  if (!isFields(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, item]) => {
      const inner = selection.get(name) ?? selection.get("*");
      return inner === undefined ? [] : [[name, pick(item, inner)]];
    }),
  );
}

function invalid(fields: string): GoogleError {
  return new GoogleError("INVALID_ARGUMENT", `Invalid field selection ${fields}`, "invalidParameter");
}
