import { PolicyPack } from "@pulumi/policy";
import { getProject, getStack } from "@pulumi/pulumi";
import { PROJECT } from "../infra/names.ts";
import { configOf } from "./config.ts";
import { policies } from "./pack.ts";
import { Operation } from "./engine/operation.ts";

// Entry point of `--policy-pack policies`. The engine starts one process per operation.
const operation = new Operation();
new PolicyPack(
  PROJECT,
  { policies: policies.map(({ during }) => during(operation)) },
  configOf(getProject(), getStack()),
);
