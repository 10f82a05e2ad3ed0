import { parseMultipart } from "../../../../packages/embedded-google-cloud/apis/storage/multipart.ts";

const parse = (contentType: string, ...lines: string[]) =>
  parseMultipart(contentType, Buffer.from(lines.join("\r\n")))?.map(({ contentType: type, body }) => [
    type,
    body.toString(),
  ]);
const TYPE = "multipart/related; boundary=b";

test("returns the parts with their content types, and line ends as they are", () => {
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

test("accepts a part without headers, and ignores a preamble", () => {
  expect(parse(TYPE, "preamble", "--b", "", "text", "--b--")).toEqual([[undefined, "text"]]);
});

test("finds a delimiter only at the start of a line", () => {
  expect(parse(TYPE, "--b", "", "not --b here", "--b--")).toEqual([[undefined, "not --b here"]]);
});

test("finds the boundary, quoted or not, anywhere in the header", () => {
  expect(parse('multipart/related; type="x"; boundary="b c"; charset=y', "--b c", "", "1", "--b c--")).toEqual([
    [undefined, "1"],
  ]);
});

test("accepts lines that end in LF, and a boundary in single quotes, as gcloud and gsutil write them", () => {
  const body = Buffer.from("--=b=\nContent-Type: application/json\n\n{}\n--=b=\n\nends in CR\r\n--=b=--");
  const parts = parseMultipart("multipart/related; boundary='=b='", body);
  expect(parts?.map(({ body: bytes }) => bytes.toString())).toEqual(["{}", "ends in CR\r"]);
});

test.each([
  ["no boundary", "multipart/related", ["--b", "", "1", "--b--"]],
  ["no end", TYPE, ["--b", "", "1"]],
  ["an incomplete part", TYPE, ["--b", "Content-Type: x", "--b--"]],
  ["another boundary", TYPE, ["--c", "", "1", "--c--"]],
])("rejects a body with %s", (_what, contentType, lines) => {
  expect(parse(contentType, ...lines)).toBeUndefined();
});
