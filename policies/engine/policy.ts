import {
  type ReportViolation,
  type ResourceValidationPolicy,
  type Severity,
  type StackValidationPolicy,
  UnknownValueError,
} from "@pulumi/policy";
import { z } from "zod";
import { type Exception, exceptions, find, hasEnded } from "./exceptions.ts";
import type { Operation } from "./operation.ts";
import { type Names, References } from "../model/references.ts";
import { type Resource, typeName } from "../model/resource.ts";

/**
 * Reports that a resource violates the policy.
 * @param message What is wrong, where, and what to do; never a possibly secret value.
 */
export type Report = (resource: Resource, message: string) => void;

/** A policy as the files in `rules/` declare it. */
export interface PolicyArgs<Shape extends z.ZodRawShape> {
  /** Lower case, words joined by hyphens. */
  readonly name: string;
  /** One sentence: what must be true, and why. */
  readonly sentence: string;
  readonly level: "mandatory" | "advisory" | "remediate";
  readonly severity: Severity;
  /** URL of the documentation, or the number in the CIS Google Cloud benchmark 4.0. */
  readonly reference: string;
  /** Other tools' checks for the same thing, such as `CKV_GCP_11`. */
  readonly peers?: readonly string[];
  /** Lists and thresholds that a stack may set, each with its default. */
  readonly settings?: Shape;
  /** Checks one resource before it is created or changed. */
  readonly resource?: (resource: Resource, report: Report, settings: z.output<z.ZodObject<Shape>>) => void;
  /** Checks relations between the resources of a stack. */
  readonly stack?: (resources: readonly Resource[], report: Report, settings: z.output<z.ZodObject<Shape>>) => void;
  /**
   * Finds resources whose values contradict each other. It ignores missing resources, so that it can also run before each
   * resource is created, on the earlier ones: this catches values that no preview can know.
   */
  readonly contradictions?: {
    /** The names by which resources refer to each other; unconnected resources cannot contradict each other. */
    readonly names: (resource: Resource) => Names;
    readonly find: (resources: readonly Resource[], report: Report, settings: z.output<z.ZodObject<Shape>>) => void;
  };
  /** Fixes a resource's properties in place. Returns whether it changed any. */
  readonly remedy?: (type: string, props: Record<string, unknown>, settings: z.output<z.ZodObject<Shape>>) => boolean;
}

/** A policy, ready for the pack and for its documentation. */
export interface Policy extends Required<
  Pick<PolicyArgs<z.ZodRawShape>, "name" | "sentence" | "level" | "severity" | "reference" | "peers">
> {
  /** Validates what a stack sets and fills in the defaults. */
  readonly settings: z.ZodType;
  /** The same as JSON schema, one property per setting. */
  readonly schema: NonNullable<ResourceValidationPolicy["configSchema"]>["properties"];
  /** What the engine runs during an operation. */
  readonly during: (operation: Operation) => ResourceValidationPolicy | StackValidationPolicy;
}

/** Declares a policy. */
export function policy<Shape extends z.ZodRawShape>(args: PolicyArgs<Shape>): Policy {
  const { name, sentence, level, severity, reference } = args;
  const settings = z.strictObject({ ...args.settings, ...exceptions }) as unknown as Settings<Shape>;
  const { properties } = z.toJSONSchema(settings, { io: "input" });
  const schema = (properties ?? {}) as Policy["schema"];
  const fixed = {
    name,
    description: sentence,
    enforcementLevel: level,
    severity,
    ...(reference.startsWith("https://") && { url: reference }),
    configSchema: { properties: schema },
  };
  const during = (operation: Operation) =>
    ({ ...fixed, ...checks(args, settings, operation) }) as ReturnType<Policy["during"]>;
  return { name, sentence, level, severity, reference, peers: args.peers ?? [], settings, schema, during };
}

type Settings<Shape extends z.ZodRawShape> = z.ZodType<z.output<z.ZodObject<Shape>> & { exceptions: Exception[] }>;

function checks<Shape extends z.ZodRawShape>(
  { name, resource, stack, contradictions, remedy }: PolicyArgs<Shape>,
  settings: Settings<Shape>,
  operation: Operation,
) {
  // Do not report a contradiction again at the end if it was reported before the resource's creation.
  const reported = new Set<string>();
  const once =
    (report: Report): Report =>
    (resource, message) => {
      const key = `${resource.urn} ${message}`;
      if (!reported.has(key)) report(resource, message);
      reported.add(key);
    };

  const references = contradictions && new References(contradictions.names);

  // The engine configures a pack once, before it shows any resource.
  let configured: z.output<typeof settings> | undefined;
  const configuredBy = (args: { readonly getConfig: () => object }) =>
    (configured ??= settings.parse(args.getConfig()));

  const validateResource: ResourceValidationPolicy["validateResource"] = (args, report) => {
    const own = configuredBy(args);
    const current = operation.see(args, name);
    resource?.(current, reporter(own.exceptions, report), own);
    // The engine attributes a violation to the resource at hand, so the message names the one that is meant.
    const violation = reporter(own.exceptions, report);
    const named: Report = (other, message) => {
      violation(other, other.urn === current.urn ? message : `${typeName(other)} "${other.name}": ${message}`);
    };
    contradictions?.find(references?.around(current) ?? [], once(named), own);
  };

  const validateStack: StackValidationPolicy["validateStack"] = (args, report) => {
    const own = configuredBy(args);
    const all = operation.whole(args.resources, name);
    stack?.(all, reporter(own.exceptions, report), own);
    contradictions?.find(all, once(reporter(own.exceptions, report)), own);
    reported.clear();
  };

  const remediateResource: ResourceValidationPolicy["remediateResource"] = ({ type, name, urn, props, ...args }) => {
    try {
      const own = configuredBy(args);
      const exception = find(own.exceptions, { name, urn });
      if (exception && !hasEnded(exception)) return undefined;
      return remedy?.(type, props, own) ? props : undefined;
    } catch (error) {
      if (error instanceof UnknownValueError) return undefined;
      throw error;
    }
  };

  return {
    ...((resource ?? contradictions) && { validateResource }),
    ...((stack ?? contradictions) && { validateStack }),
    ...(remedy && { remediateResource }),
  };
}

/** Drops violations that the stack's exceptions accept. */
function reporter(accepted: readonly Exception[], report: ReportViolation): Report {
  return (resource, message) => {
    const exception = find(accepted, resource);
    if (!exception) report(message, resource.urn);
    else if (hasEnded(exception)) {
      report(`${message} (The exception "${exception.reason}" ended on ${exception.until}.)`, resource.urn);
    }
  };
}
