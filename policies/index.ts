import { PolicyPack } from "@pulumi/policy";
import { getProject, getStack } from "@pulumi/pulumi";
import { configOf } from "./config";
import { policies } from "./pack";

/** The entry of `--policy-pack policies`. */
new PolicyPack("settlement", { policies: policies.map(({ sdk }) => sdk) }, configOf(getProject(), getStack()));
