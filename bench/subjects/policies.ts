import * as server from "@pulumi/policy/server.js";
import messages from "@pulumi/pulumi/proto/analyzer_pb.js";
import structMessages from "google-protobuf/google/protobuf/struct_pb.js";
import type { JavaScriptValue } from "google-protobuf/google/protobuf/struct_pb.js";
import { readFileSync } from "node:fs";
import { policies } from "../../policies/pack.ts";
import { Operation } from "../../policies/engine/operation.ts";

const { Struct } = structMessages;

// Checks COUNT resources like the engine, one by one and as a stack: renamed copies of those in prod's plan. It runs the
// SDK's code as in a preview, but without the connection to the engine.

type Fields = Record<string, JavaScriptValue>;
interface Goal {
  readonly type: string;
  readonly name: string;
  readonly protect?: boolean;
  readonly inputDiff?: { readonly adds?: Fields };
  readonly dependencies?: readonly string[];
  readonly propertyDependencies?: Readonly<Record<string, readonly string[] | null>>;
}
type Plans = readonly (readonly [string, { readonly goal: Goal }])[];

/** The functions that the SDK serves to the engine, without declaring their types. */
type Rpc = (call: { request: unknown }, done: (error: Error | null, answer?: unknown) => void) => void;
type Make = (name: string, version: string, level: string, policies: readonly unknown[]) => Rpc;
const { makeAnalyzeRpcFun, makeAnalyzeStackRpcFun } = server as unknown as Record<
  "makeAnalyzeRpcFun" | "makeAnalyzeStackRpcFun",
  Make
>;

/** The marker of secrets in the plan, and the engine's placeholder for unknown values, which most secrets are. */
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const shown = (_key: string, value: unknown) =>
  typeof value === "object" && value !== null && SIGNATURE in value && "ciphertext" in value ? UNKNOWN : value;

function copies(text: string, count: number): Plans {
  const found: (readonly [string, { readonly goal: Goal }])[] = [];
  for (let copy = 0; found.length < count; copy++) {
    const own = text.replaceAll(/settlement(?=[-_])/g, `settlement${copy}`);
    const { resourcePlans } = JSON.parse(own, shown) as { resourcePlans: Record<string, { goal: Goal }> };
    found.push(...Object.entries(resourcePlans).filter(([, plan]) => "goal" in plan));
  }
  return found.slice(0, count);
}

async function main(): Promise<void> {
  const [path = "", count = ""] = process.argv.slice(2);
  const plans = copies(readFileSync(path, "utf8"), Number(count));
  const operation = new Operation();
  const pack = policies.map(({ during }) => during(operation));
  const call = (make: Make, request: unknown) =>
    new Promise<void>((resolve, reject) => {
      make(
        "settlement",
        "1.0.0",
        "mandatory",
        pack,
      )({ request }, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  const options = (goal: Goal) => new messages.AnalyzerResourceOptions().setProtect(goal.protect ?? false);
  const props = (goal: Goal) => Struct.fromJavaScript(goal.inputDiff?.adds ?? {});
  for (const [urn, { goal }] of plans) {
    const request = new messages.AnalyzeRequest().setType(goal.type).setName(goal.name).setUrn(urn);
    await call(makeAnalyzeRpcFun, request.setProperties(props(goal)).setOptions(options(goal)));
  }
  const stack = plans.map(([urn, { goal }]) => {
    const resource = new messages.AnalyzerResource().setType(goal.type).setName(goal.name).setUrn(urn);
    resource
      .setProperties(props(goal))
      .setOptions(options(goal))
      .setDependenciesList([...(goal.dependencies ?? [])]);
    for (const [property, urns] of Object.entries(goal.propertyDependencies ?? {})) {
      const list = new messages.AnalyzerPropertyDependencies().setUrnsList([...(urns ?? [])]);
      resource.getPropertydependenciesMap().set(property, list);
    }
    return resource;
  });
  await call(makeAnalyzeStackRpcFun, new messages.AnalyzeStackRequest().setResourcesList(stack));
}

void main();
