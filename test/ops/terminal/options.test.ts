import { stackName } from "../../../ops/terminal/options.ts";

describe("--stack", () => {
  test.each(["local", "staging", "prod", "my_stack-2"])("accepts %s", (name) => {
    expect(stackName(name)).toBe(name);
  });
  test.each([undefined, "", "../prod", "a b", "x".repeat(101)])("refuses %j", (name) => {
    expect(() => stackName(name)).toThrow(/Which stack\?|is not a valid stack name/);
  });
});
