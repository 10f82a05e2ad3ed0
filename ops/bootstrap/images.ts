import { type Google, GoogleError } from "../../infra/google.ts";
import { command } from "../terminal/command.ts";
import {
  AGENT_ROLE,
  grantCommand,
  pathOf,
  READER,
  repositoriesOf,
  type Repository,
  runAgent,
} from "../google/images.ts";
import { differenceOf, repair, type Wanted } from "../google/policy.ts";
import { policyAt, projectPolicy, type Step } from "./step.ts";
import { emailOf, type Target } from "./target.ts";

/**
 * Makes Cloud Run's service agent, which reads the images. Google makes it some time after the API is enabled, and a member
 * that does not exist gets no role.
 * @param number The project's number.
 */
export function serviceAgent({ config: { project } }: Target, google: Google, number: string): Step {
  const member = runAgent(number);
  const wanted: Wanted = {
    ...projectPolicy(project),
    memberships: [{ role: AGENT_ROLE, member }],
    isOurs: () => false,
  };
  const bind = command("gcloud", "projects", "add-iam-policy-binding", project, `--role=${AGENT_ROLE}`);
  return {
    title: "Cloud Run's service agent",
    commands: [
      command(
        ...["gcloud", "beta", "services", "identity", "create", "--service=run.googleapis.com"],
        `--project=${project}`,
      ),
      // In double quotes, so that the shell expands $NUMBER.
      `${bind} --condition=None --member="${member}"`,
    ],
    plan: async () => {
      const { missing } = await differenceOf(google, wanted);
      return missing.length === 0 ? [] : ["create Cloud Run's service agent, which reads the images"];
    },
    apply: async () => {
      // Only v1beta1 has this method.
      const path = `../v1beta1/projects/${project}/services/run.googleapis.com:generateServiceIdentity`;
      await google.operate({ api: "serviceUsage", path, body: {} });
      await repair(google, wanted);
    },
  };
}

/**
 * Lets Cloud Run's service agent and the deployer read the images of other projects, where Google checks both.
 * @param number The project's number.
 */
export function imageReaders(target: Target, google: Google, number: string): readonly Step[] {
  const elsewhere = repositoriesOf(target.config).filter(({ project }) => project !== target.config.project);
  return elsewhere.map((repository) => imageReader(target, google, number, repository));
}

function imageReader(target: Target, google: Google, number: string, repository: Repository): Step {
  const api = "artifactRegistry";
  const path = pathOf(repository);
  const members = [runAgent(number), `serviceAccount:${emailOf("deployer", target)}`];
  const wanted: Wanted = {
    ...policyAt({ api, path }),
    memberships: members.map((member) => ({ role: READER, member })),
    isOurs: () => false,
  };
  return {
    title: `Images in project ${repository.project}`,
    commands: members.map((member) => grantCommand(repository, member)),
    obstacle: async () => {
      const policy = await google.find(wanted.read).catch(refused);
      if (policy === "refused") return `You may not read the IAM policy of ${path}.`;
      if (policy === undefined) return `${path} does not exist, or its API is not enabled: push the first image.`;
      if ((await differenceOf(google, wanted)).missing.length === 0) return undefined;
      const permissions = ["artifactregistry.repositories.setIamPolicy"];
      const tested = await google.call<{ permissions?: string[] }>({
        ...{ api, path: `${path}:testIamPermissions`, body: { permissions } },
      });
      return tested.permissions ? undefined : `You may not change the IAM policy of ${path}.`;
    },
    plan: async () => {
      const { missing } = await differenceOf(google, wanted);
      return missing.map(({ member }) => `grant ${READER} to ${member} on ${path}, to deploy its images`);
    },
    apply: () => repair(google, wanted),
  };
}

function refused(error: unknown): "refused" {
  if (error instanceof GoogleError && error.status === 403) return "refused";
  throw error;
}
