// The entry of `pulumi up`: the program, unless this Node.js cannot read it.
import { RunError } from "@pulumi/pulumi";
import { tooOld } from "./node-version.cjs";

const problem = tooOld();
if (problem !== undefined) throw new RunError(problem);

const outputs = await import("./index.ts");
export default { ...outputs };
