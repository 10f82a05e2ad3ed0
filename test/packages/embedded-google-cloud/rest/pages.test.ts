import { page } from "../../../../packages/embedded-google-cloud/rest/pages.ts";

const all = ["a", "b", "c", "d", "e"];
const read = (pageSize?: string, pageToken?: string, list = all) =>
  page(list, (item) => item, { pageSize, pageToken }, 3);

test("pages through a list to its end", () => {
  const first = read("2");
  const second = read("2", first.nextPageToken);
  const third = read("2", second.nextPageToken);
  expect([first.items, second.items, third.items]).toEqual([["a", "b"], ["c", "d"], ["e"]]);
  expect(third).not.toHaveProperty("nextPageToken");
});

test("limits the page size", () => {
  expect(read().items).toHaveLength(3);
  expect(read("0").items).toHaveLength(3);
  expect(read("100").items).toHaveLength(3);
});

test("deleting an item between pages hides no other", () => {
  const { nextPageToken } = read("2");
  expect(read("2", nextPageToken, ["a", "c", "d", "e"]).items).toEqual(["c", "d"]);
});

test("refuses invalid sizes and tokens", () => {
  for (const size of ["-1", "x", "1.5"]) expect(() => read(size)).toThrow("Invalid page size.");
  for (const token of ["x", Buffer.from("[1]").toString("base64url")]) {
    expect(() => read("1", token)).toThrow("Invalid page token.");
  }
});
