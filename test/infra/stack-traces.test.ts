import * as debuggable from "@pulumi/pulumi/runtime/debuggable.js";
import { shortenStackTraces } from "../../infra/stack-traces.ts";

const asked = Error.stackTraceLimit;
afterEach(() => {
  Error.stackTraceLimit = asked;
});

/** The SDK's internal function through which each promise of a resource goes. */
const { debuggablePromise } = debuggable as unknown as {
  debuggablePromise: (promise: object, context: string) => void;
};

/** How many frames the SDK keeps with a promise. */
function kept(): number {
  const promise: Promise<void> & { readonly _debugStackTrace?: string } = Promise.resolve();
  debuggablePromise(promise, "a test");
  return (promise._debugStackTrace ?? "").split("\n    at ").length - 1;
}

test("the SDK keeps a stack trace for each promise, which is shortened", () => {
  Error.stackTraceLimit = 10;
  // If the SDK no longer does, infra/stack-traces.ts has no purpose.
  expect(kept()).toBe(10);
  shortenStackTraces();
  expect(kept()).toBe(4);
});

test("another length stays", () => {
  Error.stackTraceLimit = 50;
  shortenStackTraces();
  expect(Error.stackTraceLimit).toBe(50);
});
