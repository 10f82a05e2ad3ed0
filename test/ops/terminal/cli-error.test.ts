import { cliError } from "../../../ops/terminal/cli-error.ts";

describe("the error of the CLI", () => {
  test.each([
    ["error: no stack named 'staging' found", "no stack named 'staging' found"],
    ["Updating:\n\nerror: cannot read postgresql://u:pass@/d", "Updating: cannot read postgresql://u:[secret]@/d"],
    ["", "The engine failed and did not say why."],
  ])("%j is reported as %j", (words, expected) => {
    const stderr = `Command failed with exit code 6: /bin/pulumi stack select --stack staging\n${words}`;
    expect(cliError(new Error(`code: -2\n stdout: \n stderr: ${stderr}\n err?: Error: ${stderr}\n`))).toBe(expected);
  });
});
