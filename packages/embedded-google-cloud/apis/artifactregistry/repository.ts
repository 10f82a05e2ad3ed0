import type { Resource } from "../../iam/access.ts";

export const SERVICE = "artifactregistry.googleapis.com";

/** Where a repository of Artifact Registry is. */
export interface Repository {
  readonly project: string;
  readonly location: string;
  readonly id: string;
}

/** The locations of the repositories that took over from Container Registry; each is named like its host. */
const CONTAINER_REGISTRY: Readonly<Record<string, string>> = {
  "gcr.io": "us",
  "us.gcr.io": "us",
  "eu.gcr.io": "europe",
  "asia.gcr.io": "asia",
};

/**
 * The repository that holds an image; undefined for an image outside Artifact Registry, which everyone can read.
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

/** A repository, as IAM conditions see it. */
export function repositoryResource({ id, location, project }: Repository): Resource {
  const name = `projects/${project}/locations/${location}/repositories/${id}`;
  return { project, service: SERVICE, type: `${SERVICE}/Repository`, name };
}
