import {
  Instances,
  mostInstances,
  NoInstance,
} from "../../../../../packages/embedded-google-cloud/apis/cloudrun/instances.ts";
import type { Logs } from "../../../../../packages/embedded-google-cloud/apis/cloudrun/logs.ts";
import type { Revision } from "../../../../../packages/embedded-google-cloud/apis/cloudrun/resources.ts";
import type { Runtime } from "../../../../../packages/embedded-google-cloud/apis/cloudrun/runtime.ts";

const REVISION = { name: "revision", service: "service", maxInstanceRequestConcurrency: 1 } as Revision;

test("a request without a place ends after ten seconds", async () => {
  jest.useFakeTimers({ doNotFake: ["nextTick", "queueMicrotask", "setImmediate"] });
  const never = new Promise<never>(() => undefined);
  const instances = new Instances({ start: () => never } as unknown as Runtime, { of: () => ({}) } as unknown as Logs);
  void instances.enter(REVISION, 1);
  const second = instances.enter(REVISION, 1);
  const refused = expect(second).rejects.toThrow(NoInstance);
  await jest.advanceTimersByTimeAsync(10_000);
  await refused;
  jest.useRealTimers();
});

test("the lower limit counts, that of the service or that of the revision", () => {
  expect(mostInstances(REVISION, undefined)).toBe(100);
  expect(mostInstances(REVISION, { maxInstanceCount: 0 })).toBe(100);
  expect(mostInstances({ ...REVISION, scaling: { maxInstanceCount: 3 } }, { maxInstanceCount: 4 })).toBe(3);
  expect(mostInstances({ ...REVISION, scaling: { maxInstanceCount: 5 } }, { maxInstanceCount: 4 })).toBe(4);
});
