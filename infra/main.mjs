// Entry point of `pulumi up`: runs the program if this Node.js can.
import { RunError } from "@pulumi/pulumi";
import { tooOld } from "./node-version.cjs";

const problem = tooOld();
if (problem !== undefined) throw new RunError(problem);

const outputs = await import("./index.ts");
export default { ...outputs };
