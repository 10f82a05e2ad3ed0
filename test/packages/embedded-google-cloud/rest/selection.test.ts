import { select } from "../../../../packages/embedded-google-cloud/rest/selection.ts";

const answer = { next: "n", items: [{ id: 1, owner: { name: "a", age: 2 } }, { id: 2 }], map: { x: { v: 1, w: 2 } } };

test.each([
  ["next", { next: "n" }],
  ["items/id,next", { next: "n", items: [{ id: 1 }, { id: 2 }] }],
  ["items(id,owner/name)", { items: [{ id: 1, owner: { name: "a" } }, { id: 2 }] }],
  ["items/owner(name),items/id", { items: [{ id: 1, owner: { name: "a" } }, { id: 2 }] }],
  ["items/id,items", { items: answer.items }],
  ["map/*/v", { map: { x: { v: 1 } } }],
  ["*", answer],
  ["none", {}],
])("fields=%s", (fields, part) => {
  expect(select(answer, fields)).toEqual(part);
});

test.each(["", ",", "a,", "a(", "a(b", "a)", "a/", "a/(b)", "(a)", "a(b)c"])("refuses fields=%s", (fields) => {
  expect(() => select(answer, fields)).toThrow(`Invalid field selection ${fields}`);
});
