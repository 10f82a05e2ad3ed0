import { providerChoice, stackName } from "../../../ops/terminal/options.ts";
import { UsageError } from "../../../ops/terminal/user-error.ts";

describe("--stack", () => {
  test.each(["local", "staging", "prod", "my_stack-2"])("accepts %s", (name) => {
    expect(stackName(name)).toBe(name);
  });
  test.each([undefined, "", "../prod", "a b", "x".repeat(101)])("refuses %j", (name) => {
    expect(() => stackName(name)).toThrow(/Which stack\?|is not a valid stack name/);
  });
});

describe("--providers", () => {
  const name = "SETTLEMENT_PROVIDERS";
  const before = process.env[name];
  afterEach(() => {
    if (before === undefined) Reflect.deleteProperty(process.env, name);
    else process.env[name] = before;
  });

  test.each([
    { option: undefined, variable: "", choice: undefined },
    { option: undefined, variable: "official", choice: "official" },
    { option: "official", variable: "", choice: "official" },
    { option: "stand-in", variable: "official", choice: "stand-in" },
    { option: "stand-in", variable: "else", choice: "stand-in" },
  ])("$option with the variable $variable is $choice", ({ option, variable, choice }) => {
    process.env[name] = variable;
    expect(providerChoice(option)).toBe(choice);
  });

  test.each([
    { option: "Official", variable: "official", error: '--providers must be official or stand-in, not "Official".' },
    { option: "", variable: "", error: '--providers must be official or stand-in, not "".' },
    { option: undefined, variable: "none", error: 'SETTLEMENT_PROVIDERS must be official or stand-in, not "none".' },
  ])("$option with the variable $variable is refused", ({ option, variable, error }) => {
    process.env[name] = variable;
    expect(() => providerChoice(option)).toThrow(new UsageError(error));
  });
});
