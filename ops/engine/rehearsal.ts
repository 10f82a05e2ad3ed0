import type { CloudOptions } from "../../packages/embedded-google-cloud/index.ts";
import { repositoryOf } from "../google/images.ts";
import { SAMPLE } from "./local.ts";
import { requireConfig } from "./stack-values.ts";

/**
 * What the embedded cloud needs so that the pipeline of another stack can be rehearsed on it: the stack's project and that of
 * its image, in whose place the sample service runs.
 * @param stack Such as `staging`.
 * @throws UserError if its configuration is not valid.
 */
export function rehearsalOf(stack: string): Required<Pick<CloudOptions, "images" | "projects">> {
  const { project, service } = requireConfig(stack);
  const name = service.image.replace(/(@|:[^:/]*$).*/, "");
  const projects = [project, repositoryOf(service.image)?.project ?? project];
  return { projects: [...new Set(projects)], images: { [name]: SAMPLE } };
}
