import type { Reader } from "../google/reader.ts";
import { grantCommand, pathOf, policyQuestion, READ_IMAGE, repositoryOf, runAgent } from "../google/images.ts";
import type { Policy } from "../google/policy.ts";
import { type Grant, grant } from "./access.ts";

/** Whether Cloud Run's service agent may read an image, and the command that lets it. */
export interface ImageAccess extends Grant {
  readonly agent: string;
  readonly fix: string;
}

/**
 * Whether Cloud Run's service agent of a project may read an image of another project; undefined for any other image: Google lets
 * it read those of its own.
 * @param project Id of the project that the service is in.
 * @throws NotVisible if a policy that cannot be read may allow it.
 */
export async function imageAccess(
  reader: Reader,
  project: string,
  image: string,
  now: Date,
): Promise<ImageAccess | undefined> {
  const repository = repositoryOf(image);
  if (!repository || repository.project === project) return undefined;
  const { projectNumber = "" } =
    (await reader.read<gapi.client.cloudresourcemanager.Project>({
      ...{ api: "resourceManager", path: `projects/${project}`, role: "roles/viewer on the project" },
    })) ?? {};
  const member = runAgent(projectNumber);
  const policies = [
    reader.read<Policy>({
      ...{ api: "resourceManager", path: `projects/${repository.project}:getIamPolicy` },
      body: { options: { requestedPolicyVersion: 3 } },
      role: `roles/iam.securityReviewer on project ${repository.project}`,
    }),
    reader.read<Policy>(policyQuestion(repository)),
  ];
  const service = "artifactregistry.googleapis.com";
  const resource = { name: pathOf(repository), service, type: `${service}/Repository` };
  return {
    ...(await grant(READ_IMAGE, member, resource, policies, now)),
    agent: member.replace("serviceAccount:", ""),
    fix: grantCommand(repository, member),
  };
}
