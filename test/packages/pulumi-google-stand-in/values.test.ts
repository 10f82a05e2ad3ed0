import { sealLike, secret } from "../../../packages/pulumi-google-stand-in/values.ts";

test("secrets of the program are secret in Google's response", () => {
  const program = {
    envs: [
      { name: "A", value: secret("x") },
      { name: "B", value: "y" },
    ],
    labels: { a: "b" },
  };
  const answer = {
    envs: [
      { name: "A", value: "x" },
      { name: "B", value: "y" },
    ],
    labels: { a: "b" },
    uri: "u",
  };
  expect(sealLike(program, answer)).toEqual({ ...answer, envs: [{ name: "A", value: secret("x") }, answer.envs[1]] });
});

test("a list of another length is secret as a whole", () => {
  expect(sealLike([secret("x")], ["y", "x"])).toEqual(secret(["y", "x"]));
});

test("a missing value does not become a secret", () => {
  expect(sealLike({ a: secret("x") }, {})).toEqual({});
});
