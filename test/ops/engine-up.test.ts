import type { EngineEvent, Stack, UpOptions } from "@pulumi/pulumi/automation";
import { engineUp } from "../../ops/engine-up";

/** A stack whose engine tells of its outputs, and that asks afterwards as the Automation API's does. */
function stackThatTells(...events: unknown[]): { stack: Stack; asked: string[] } {
  const asked: string[] = [];
  const stack = {
    outputs: () => asked.push("outputs"),
    info: () => asked.push("info"),
    up(this: Stack, { onEvent }: UpOptions) {
      for (const event of events) onEvent?.(event as EngineEvent);
      return Promise.all([this.outputs(), this.info()]);
    },
  };
  return { stack: stack as unknown as Stack, asked };
}

const told = (type: string, outputs: object) => ({ resOutputsEvent: { metadata: { type, new: { outputs } } } });

test("an update gives what the engine told of the stack's outputs, and asks the CLI for nothing", async () => {
  const events = [
    told("gcp:sql/user:User", { name: "user" }),
    told("pulumi:pulumi:Stack", { serviceUrl: "http://it" }),
  ];
  const { stack, asked } = stackThatTells(...events);
  const seen: EngineEvent[] = [];
  const outputs = await engineUp(stack, { onEvent: (event) => seen.push(event) });
  expect(outputs).toEqual({ serviceUrl: "http://it" });
  expect(seen).toEqual(events);
  expect(asked).toEqual([]);
});
