import { GoogleError } from "../../rest/errors.ts";
import type { Access } from "../../iam/access.ts";
import { agentOf } from "../../iam/agents.ts";
import type { Projects } from "../../server/projects.ts";
import { repositoryOf, repositoryResource } from "../artifactregistry/repository.ts";
import { imageDenied } from "./failure.ts";
import type { InstanceTemplate } from "./resources.ts";

const READ = "artifactregistry.repositories.downloadArtifacts";

/** Who may read images: https://cloud.google.com/run/docs/deploying#other-projects */
export class Images {
  private readonly access: Access;
  private readonly projects: Projects;

  constructor(access: Access, projects: Projects) {
    this.access = access;
    this.projects = projects;
  }

  /** @throws GoogleError PERMISSION_DENIED, in Google's words, if the caller may not read an image that it deploys. */
  requireCaller(caller: string, template: Partial<InstanceTemplate>, project: string): void {
    const image = this.unreadable(caller, template);
    if (image !== undefined) throw new GoogleError("PERMISSION_DENIED", denial("User", image, project));
  }

  /**
   * Cloud Run copies an image once, when it is deployed.
   * @throws StartFailure, in Google's words, if Cloud Run's service agent may not read an image.
   */
  requireAgent(template: InstanceTemplate, project: string): void {
    const agent = agentOf("run.googleapis.com", this.projects.number(project));
    const image = this.unreadable(`serviceAccount:${agent}`, template);
    if (image !== undefined) {
      throw imageDenied(denial(`Google Cloud Run Service Agent ${agent}`, image, project));
    }
  }

  /** The first image that a member may not read. */
  private unreadable(member: string, { containers = [] }: Partial<InstanceTemplate>): string | undefined {
    const unreadable = containers.find(({ image }) => {
      const repository = repositoryOf(image);
      return repository !== undefined && !this.access.allows(member, READ, repositoryResource(repository));
    });
    return unreadable?.image;
  }
}

function denial(who: string, image: string, project: string): string {
  const home = repositoryOf(image)?.project ?? "";
  const elsewhere =
    home === project
      ? ""
      : ` Note that the image is from project [${home}], which is not the same as this project [${project}]. Permission ` +
        `must be granted to the ${who} from this project. See https://cloud.google.com/run/docs/deploying#other-projects`;
  return (
    `${who} must have permission to read the image, ${image}. Ensure that the provided container image URL is correct ` +
    "and that the above account has permission to access the image. If you just enabled the Cloud Run API, the " +
    `permissions might take a few minutes to propagate.${elsewhere}`
  );
}
