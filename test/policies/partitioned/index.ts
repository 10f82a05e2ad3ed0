import {
  PolicyPack,
  type PolicyResource,
  type ResourceValidationPolicy,
  type StackValidationPolicy,
} from "@pulumi/policy";
import { Operation } from "../../../policies/engine/operation.ts";
import type { Policy } from "../../../policies/engine/policy.ts";
import { policies } from "../../../policies/pack.ts";

// The policy pack for many programs in one run of the engine: it judges the resources of each program, which have names
// such as `12-sound-bucket`, as if there were no others.

type Checks = Partial<ResourceValidationPolicy & StackValidationPolicy>;

const operations = new Map<string, Operation>();

function partitioned(policy: Policy): ResourceValidationPolicy & StackValidationPolicy {
  const byProgram = new Map<string, Checks>();
  const checks = (program: string) => known(byProgram, program, () => policy.during(operationOf(program)));
  const { validateResource, validateStack, ...fixed } = policy.during(new Operation()) as Checks & Policy["during"];
  return {
    ...fixed,
    ...(validateResource && {
      validateResource: (args: { readonly name: string }, report: unknown) => {
        const [program, name] = split(args);
        if (program !== undefined) run(checks(program).validateResource, { ...args, name }, report);
      },
    }),
    ...(validateStack && {
      validateStack: (args: { readonly resources: readonly PolicyResource[] }, report: unknown) => {
        for (const [program, resources] of Map.groupBy(args.resources, (resource) => split(resource)[0])) {
          if (program === undefined) continue;
          const named = resources.map((resource) => ({ ...resource, name: split(resource)[1] }));
          run(checks(program).validateStack, { ...args, resources: named }, report);
        }
      },
    }),
  } as unknown as ResourceValidationPolicy & StackValidationPolicy;
}

/** Calls a check of the pack; the SDK's types for its arguments and its violations are those of the caller. */
function run(check: unknown, args: object, report: unknown): void {
  (check as (args: unknown, report: unknown) => void)(args, report);
}

function operationOf(program: string): Operation {
  return known(operations, program, () => new Operation());
}

function known<Value>(map: Map<string, Value>, key: string, create: () => Value): Value {
  const value = map.get(key) ?? create();
  map.set(key, value);
  return value;
}

/** The program and the own name of a resource; the engine's own resources belong to none. */
function split({ name = "" }: { readonly name?: string }): readonly [program: string | undefined, name: string] {
  const [, program, own = name] = /^(\d+-(?:sound|unsafe))-(.*)$/.exec(name) ?? [];
  return [program, own];
}

new PolicyPack("partitioned", { policies: policies.map(partitioned) });
