import { parseMultipart } from "../../../../packages/embedded-google-cloud/apis/storage/multipart.ts";

const parse = (contentType: string, ...lines: string[]) =>
  parseMultipart(contentType, Buffer.from(lines.join("\r\n")))?.map(({ contentType: type, body }) => [
    type,
    body.toString(),
  ]);
const TYPE = "multipart/related; boundary=b";

test("parts come with their content types, line ends inside them untouched", () => {
  expect(
    parse(
      TYPE,
      "--b",
      "Content-Type: application/json",
      "",
      "{}",
      "--b",
      "content-type:text/plain",
      "",
      "a\r\n\n",
      "--b--",
      "",
    ),
  ).toEqual([
    ["application/json", "{}"],
    ["text/plain", "a\r\n\n"],
  ]);
});

test("a part needs no headers; what stands before the first delimiter is nobody's", () => {
  expect(parse(TYPE, "preamble", "--b", "", "text", "--b--")).toEqual([[undefined, "text"]]);
});

test("a delimiter begins on a line of its own", () => {
  expect(parse(TYPE, "--b", "", "not --b here", "--b--")).toEqual([[undefined, "not --b here"]]);
});

test("the boundary may be quoted and stand anywhere in the header", () => {
  expect(parse('multipart/related; type="x"; boundary="b c"; charset=y', "--b c", "", "1", "--b c--")).toEqual([
    [undefined, "1"],
  ]);
});

test.each([
  ["no boundary", "multipart/related", ["--b", "", "1", "--b--"]],
  ["no end", TYPE, ["--b", "", "1"]],
  ["a cut off part", TYPE, ["--b", "Content-Type: x", "--b--"]],
  ["another boundary", TYPE, ["--c", "", "1", "--c--"]],
])("%s is no multipart", (_what, contentType, lines) => {
  expect(parse(contentType, ...lines)).toBeUndefined();
});
