import { PolicyPack } from "@pulumi/policy";
import { getProject, getStack } from "@pulumi/pulumi";
import { configOf } from "./config";
import { policies } from "./pack";
import { Operation } from "./resource";

// The entry of `--policy-pack policies`. The engine starts a process for each operation.
const operation = new Operation();
new PolicyPack(
  "settlement",
  { policies: policies.map(({ during }) => during(operation)) },
  configOf(getProject(), getStack()),
);
