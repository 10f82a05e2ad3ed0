import { applyMask, mergePatch, settableFields } from "../../../../packages/embedded-google-cloud/rest/fields.ts";

describe("settable fields", () => {
  test("are kept, and ignored fields are dropped", () => {
    expect(settableFields<{ labels: object }>({ labels: { a: "1" }, name: "x" }, ["labels"], ["name"])).toEqual({
      labels: { a: "1" },
    });
    expect(settableFields(undefined, [], [])).toEqual({});
  });

  test("may come with zeros of fields that are not supported, which mean the same as none", () => {
    const zeros = { kind: "KIND_UNSPECIFIED", count: 0, note: "", deep: null, all: [], on: false };
    expect(settableFields<{ labels: object }>({ labels: {}, ...zeros }, ["labels"], [])).toEqual({ labels: {} });
  });

  test.each([
    ["an unknown field", { colour: 1 }],
    ["__proto__", JSON.parse('{"__proto__":{"labels":1}}') as object],
    ["a list", []],
    ["null", null],
    ["text", "labels"],
  ])("exclude %s", (_what, body) => {
    expect(() => settableFields<{ labels: object }>(body, ["labels"], [])).toThrow("Invalid JSON payload received.");
  });
});

describe("a field mask", () => {
  interface Thing {
    labels?: Record<string, string>;
    deep?: { one?: number; two?: number };
    name?: string;
  }
  const mask = (current: Thing, change: Thing, text?: string) =>
    applyMask<Thing>(current, change, text, ["labels", "deep"]);

  test("copies the named fields, and removes those that the change lacks", () => {
    const current = { labels: { a: "1" }, deep: { one: 1, two: 2 }, name: "n" };
    expect(mask(current, { labels: { b: "2" } }, "labels,deep.one")).toEqual({
      labels: { b: "2" },
      deep: { two: 2 },
      name: "n",
    });
    expect(current.labels).toEqual({ a: "1" });
  });

  test("creates missing parents", () => {
    expect(mask({}, { deep: { one: 1 } }, "deep.one")).toEqual({ deep: { one: 1 } });
  });

  test("must name a settable field", () => {
    expect(() => mask({}, {}, undefined)).toThrow("update_mask");
    expect(() => mask({}, {}, "name")).toThrow('"name"');
  });
});

test("a merge patch follows RFC 7396", () => {
  // From the RFC's section 3, with some of its appendix A.
  const original = {
    title: "Goodbye!",
    author: { givenName: "John", familyName: "Doe" },
    tags: ["a", "b"],
    content: "x",
  };
  const patch = { title: "Hello!", phone: "+01-123", author: { familyName: null }, tags: ["a"] };
  expect(mergePatch(original as Record<string, unknown>, patch)).toEqual({
    title: "Hello!",
    author: { givenName: "John" },
    tags: ["a"],
    content: "x",
    phone: "+01-123",
  });
  expect(mergePatch<Record<string, unknown>>({ a: "b" }, { a: { bb: { ccc: null } } })).toEqual({ a: { bb: {} } });
  expect(mergePatch<Record<string, unknown>>({}, JSON.parse('{"__proto__":{"x":1}}') as object)).not.toHaveProperty(
    "x",
  );
});
