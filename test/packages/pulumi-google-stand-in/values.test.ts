import { sealLike, secret } from "../../../packages/pulumi-google-stand-in/values.ts";

test("what the program keeps secret is secret in what Google answers", () => {
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

test("a list that has changed its length is secret as a whole, since no place in it can be trusted", () => {
  expect(sealLike([secret("x")], ["y", "x"])).toEqual(secret(["y", "x"]));
});

test("what is not there does not become a secret", () => {
  expect(sealLike({ a: secret("x") }, {})).toEqual({});
});
