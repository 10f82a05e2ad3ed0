import { columns, paint, screenOf, wrap } from "../../../ops/terminal/screen.ts";

const terminal = (colours: boolean) => ({ isTTY: true, columns: 40, hasColors: () => colours });

describe("a screen", () => {
  test("has the terminal's width, and colours unless the terminal has none", () => {
    expect(screenOf(terminal(true) as never)).toEqual({ width: 40, colour: true });
    expect(screenOf(terminal(false) as never)).toEqual({ width: 40, colour: false });
    expect(screenOf({ ...terminal(true), columns: 0 }).width).toBe(80);
  });

  test("has neither where the output is a pipe", () => {
    expect(screenOf({ isTTY: false } as never)).toEqual({ width: Infinity, colour: false });
    expect(paint({ width: 40, colour: false }, "red", "text")).toBe("text");
  });
});

test("wraps between words, keeps a longer word whole, and does not count colours", () => {
  const red = paint({ width: 10, colour: true }, "red", "three");
  expect(columns(red)).toBe(5);
  expect(wrap(`one two ${red} four`, 13)).toBe(`one two ${red}\nfour`);
  expect(wrap("a an-unbreakable-word b", 6, "  ")).toBe("a\n  an-unbreakable-word\n  b");
  expect(wrap("one\ntwo", 80, "  ")).toBe("one\n  two");
});
