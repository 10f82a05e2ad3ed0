import type { StackConfig } from "../../infra/config.ts";
import { command } from "../terminal/command.ts";
import type { Question } from "./reader.ts";

/** A repository of Artifact Registry. */
export interface Repository {
  readonly project: string;
  readonly location: string;
  readonly id: string;
}

/** The smallest role that may read images. */
export const READER = "roles/artifactregistry.reader";

/** The role that Cloud Run's service agent needs on its own project. */
export const AGENT_ROLE = "roles/run.serviceAgent";

/** The roles with `artifactregistry.repositories.downloadArtifacts`; https://cloud.google.com/artifact-registry/docs/access-control */
export const READ_IMAGE = [
  READER,
  "roles/artifactregistry.writer",
  "roles/artifactregistry.repoAdmin",
  "roles/artifactregistry.admin",
  AGENT_ROLE,
  "roles/viewer",
  "roles/editor",
  "roles/owner",
] as const;

/** The locations of the repositories that took over from Container Registry; each is named like its host. */
const CONTAINER_REGISTRY: Readonly<Record<string, string>> = {
  "gcr.io": "us",
  "us.gcr.io": "us",
  "eu.gcr.io": "europe",
  "asia.gcr.io": "asia",
};

/**
 * The repository that holds an image; undefined for an image outside Artifact Registry.
 * https://cloud.google.com/artifact-registry/docs/docker/names,
 * https://cloud.google.com/artifact-registry/docs/transition/setup-gcr-repo
 */
export function repositoryOf(image: string): Repository | undefined {
  const [host = "", project, id] = image.split("/");
  if (project === undefined) return undefined;
  const location = /^(.+)-docker\.pkg\.dev$/.exec(host)?.[1];
  if (location !== undefined && id !== undefined) return { project, location, id };
  const former = CONTAINER_REGISTRY[host];
  return former === undefined ? undefined : { project, location: former, id: host };
}

/** The repositories of a stack's images, each once. */
export function repositoriesOf({ migrationJob, service }: StackConfig): readonly Repository[] {
  const images = [service.image, ...(migrationJob ? [migrationJob.image] : [])];
  const all = images.flatMap((image) => repositoryOf(image) ?? []);
  return [...new Map(all.map((repository) => [pathOf(repository), repository])).values()];
}

/** Name of a repository, which is also its path in the API. */
export function pathOf({ id, location, project }: Repository): string {
  return `projects/${project}/locations/${location}/repositories/${id}`;
}

/** Reads who may read a repository's images. */
export function policyQuestion(repository: Repository): Question {
  return {
    api: "artifactRegistry",
    path: `${pathOf(repository)}:getIamPolicy?options.requestedPolicyVersion=3`,
    role: `roles/iam.securityReviewer on project ${repository.project}`,
  };
}

/**
 * The member that reads the images of a project's services: https://cloud.google.com/run/docs/deploying#other-projects
 * @param number The project's number.
 */
export function runAgent(number: string): string {
  return `serviceAccount:service-${number}@serverless-robot-prod.iam.gserviceaccount.com`;
}

/** The command that lets a member read a repository's images. @param member May contain `$NUMBER`, which the shell expands. */
export function grantCommand({ id, location, project }: Repository, member: string): string {
  const words = ["gcloud", "artifacts", "repositories", "add-iam-policy-binding", id, `--location=${location}`];
  return `${command(...words, `--project=${project}`, `--role=${READER}`)} --member="${member}"`;
}
