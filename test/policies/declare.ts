import {
  type PolicyPackConfig,
  type PolicyResource,
  type ResourceValidationPolicy,
  type StackValidationPolicy,
  unknownCheckingProxy,
} from "@pulumi/policy";
import { policies } from "../../policies/pack.ts";
import { Operation } from "../../policies/engine/operation.ts";

/** A resource as a test declares it; `madeOf` and `dependsOn` name other resources of the stack. */
export interface Declared {
  readonly type: string;
  readonly name: string;
  readonly props: Readonly<Record<string, unknown>>;
  /** The provider's outputs; the properties by default. */
  readonly outputs?: Readonly<Record<string, unknown>>;
  readonly protect?: boolean;
  readonly dependsOn?: readonly string[];
  readonly madeOf?: Readonly<Record<string, readonly string[]>>;
}

/** The placeholder that the engine sends for an unknown string. */
export const UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** A violation: policy, resource and message. */
export interface Violation {
  readonly policy: string;
  readonly resource: string;
  readonly message: string;
}

/**
 * Checks resources as a preview does: one by one before their creation, then as a stack.
 * @param options `only` selects one policy, `phases` the phases; `outputs` overrides the outputs of every resource;
 * `project` is the provider's.
 */
export function judge(
  declared: readonly Declared[],
  options: {
    config?: PolicyPackConfig;
    only?: string;
    phases?: readonly ("resource" | "stack")[];
    outputs?: object;
    project?: string;
  } = {},
): Violation[] {
  const { outputs, project = "fusion-prime" } = options;
  const resources = link(declared, project);
  const whole = link(
    declared.map((one) => ({ ...one, props: { ...(one.outputs ?? one.props), ...outputs } })),
    project,
  );
  const operation = new Operation();
  const violations: Violation[] = [];
  for (const { name: policy, during } of policies) {
    if (options.only !== undefined && options.only !== policy) continue;
    const { enforcementLevel, ...settings } = configured(options.config?.[policy]);
    if (enforcementLevel === "disabled") continue;
    const common = {
      getConfig: () => settings as never,
      stackTags: new Map<string, string>(),
      notApplicable: (): never => {
        throw new Error("No policy calls notApplicable.");
      },
    };
    const report = (message: string, urn?: string) => {
      violations.push({ policy, resource: resources.find((one) => one.urn === urn)?.name ?? "", message });
    };
    const { validateResource, validateStack } = during(operation) as Partial<
      ResourceValidationPolicy & StackValidationPolicy
    >;
    if (typeof validateResource === "function" && options.phases?.includes("resource") !== false) {
      for (const resource of resources) void validateResource({ ...resource, ...common } as never, report);
    }
    if (validateStack && options.phases?.includes("stack") !== false)
      void validateStack({ resources: whole, ...common }, report);
  }
  return violations;
}

function configured(entry: PolicyPackConfig[string] | undefined): Record<string, unknown> {
  return typeof entry === "string" ? { enforcementLevel: entry } : (entry ?? {});
}

/** The SDK does not declare the type of this function. */
const guard = unknownCheckingProxy as (props: object) => Record<string, unknown>;

function link(declared: readonly Declared[], project: string): PolicyResource[] {
  const resources = declared.map(({ type, name, props, protect = false }): PolicyResource => ({
    type,
    name,
    urn: `urn:pulumi:test::test::${type}::${name}`,
    props: guard(JSON.parse(JSON.stringify(props)) as object),
    provider: { type: "pulumi:providers:gcp", name: "default", urn: "", props: { project } },
    opts: {
      protect,
      ignoreChanges: [],
      aliases: [],
      additionalSecretOutputs: [],
      customTimeouts: { createSeconds: 0, updateSeconds: 0, deleteSeconds: 0 },
    },
    dependencies: [],
    propertyDependencies: {},
    isType: () => false,
    asType: () => undefined,
  }));
  const named = (name: string) => resources.filter((resource) => resource.name === name);
  declared.forEach(({ dependsOn = [], madeOf = {} }, index) => {
    const resource = resources[index];
    if (!resource) return;
    resource.dependencies = [...dependsOn, ...Object.values(madeOf).flat()].flatMap(named);
    resource.propertyDependencies = Object.fromEntries(
      Object.entries(madeOf).map(([property, names]) => [property, names.flatMap(named)]),
    );
  });
  return resources;
}
