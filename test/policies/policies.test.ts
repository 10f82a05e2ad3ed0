import { policies } from "../../policies/pack";
import { cases } from "./cases";
import { judge } from "./declare";
import { stack } from "./good";

describe("every policy", () => {
  test.each(cases)("$policy: $title", ({ policy, breaks, says, passes }) => {
    const ofThis = (one: { policy: string }) => one.policy === policy;
    expect(judge(breaks).filter(ofThis)).toContainEqual(
      expect.objectContaining({ message: expect.stringMatching(says) as string }),
    );
    expect(judge(passes).filter(ofThis)).toEqual([]);
  });

  test("is silent about a stack that keeps them all", () => {
    expect(judge(stack())).toEqual([]);
  });

  test("has a case", () => {
    const special = ["default-labels", "allowed-regions", "cost-limits"];
    expect(policies.map(({ name }) => name).filter((name) => !cases.some(({ policy }) => policy === name))).toEqual(
      special,
    );
  });
});
