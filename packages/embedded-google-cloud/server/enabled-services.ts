import { GoogleError } from "../rest/errors.ts";
import type { Projects } from "./projects.ts";
import type { Collection, Store } from "../state/store.ts";

/** The APIs that are enabled in a new project. */
const ALWAYS_ON = ["serviceusage.googleapis.com", "cloudresourcemanager.googleapis.com"];

/** Which Google APIs are enabled in which project. */
export class EnabledServices {
  private readonly enabled: Collection<string[]>;
  private readonly projects: Projects;

  constructor(store: Store, projects: Projects) {
    this.projects = projects;
    this.enabled = store.collection("enabled-services");
  }

  /** Hosts of the project's enabled APIs, such as `sqladmin.googleapis.com`. */
  list(project: string): string[] {
    return [...new Set([...ALWAYS_ON, ...(this.enabled.get(project) ?? [])])].sort();
  }

  enable(project: string, services: readonly string[]): void {
    this.enabled.put(project, [...new Set([...this.list(project), ...services])].sort());
  }

  disable(project: string, service: string): void {
    const rest = this.list(project).filter((name) => name !== service);
    this.enabled.put(project, rest);
  }

  /** @throws GoogleError PERMISSION_DENIED, in Google's words, if the API is not enabled. */
  require(project: string, service: string): void {
    if (ALWAYS_ON.includes(service) || this.enabled.get(project)?.includes(service)) return;
    const number = this.projects.number(project);
    throw new GoogleError(
      "PERMISSION_DENIED",
      `${service} has not been used in project ${number} before or it is disabled. Enable it by visiting ` +
        `https://console.developers.google.com/apis/api/${service}/overview?project=${number} then retry. If you enabled ` +
        "this API recently, wait a few minutes for the action to propagate to our systems and retry.",
      "accessNotConfigured",
    );
  }
}
