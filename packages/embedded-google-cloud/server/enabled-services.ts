import { errorInfo, GoogleError } from "../rest/errors.ts";
import type { Delays } from "./faults.ts";
import type { Projects } from "./projects.ts";
import type { Collection, Store } from "../state/store.ts";

/** The APIs that are enabled in a new project. */
const ALWAYS_ON = ["serviceusage.googleapis.com", "cloudresourcemanager.googleapis.com"];

/** Which Google APIs are enabled in which project. */
export class EnabledServices {
  private readonly enabled: Collection<string[]>;
  /** When each API was enabled with a delay. */
  private readonly since = new Map<string, number>();
  private readonly projects: Projects;
  private readonly delays: Delays;

  constructor(store: Store, projects: Projects, delays: Delays) {
    this.projects = projects;
    this.delays = delays;
    this.enabled = store.collection("enabled-services");
  }

  /** Hosts of the project's enabled APIs, such as `sqladmin.googleapis.com`. */
  list(project: string): string[] {
    return [...new Set([...ALWAYS_ON, ...(this.enabled.get(project) ?? [])])].sort();
  }

  enable(project: string, services: readonly string[]): void {
    const before = this.list(project);
    for (const service of this.delays.services > 0 ? services : []) {
      if (!before.includes(service)) this.since.set(`${project}/${service}`, performance.now());
    }
    this.enabled.put(project, [...new Set([...before, ...services])].sort());
  }

  disable(project: string, service: string): void {
    const rest = this.list(project).filter((name) => name !== service);
    this.enabled.put(project, rest);
  }

  /** @throws GoogleError PERMISSION_DENIED, in Google's words, if the API is not enabled, or does not answer yet. */
  require(project: string, service: string): void {
    if (ALWAYS_ON.includes(service)) return;
    if (this.enabled.get(project)?.includes(service) && this.answers(project, service)) return;
    const number = this.projects.number(project);
    const url = `https://console.developers.google.com/apis/api/${service}/overview?project=${number}`;
    const links = [{ description: "Google developers console API activation", url }];
    throw new GoogleError(
      "PERMISSION_DENIED",
      `${service} has not been used in project ${number} before or it is disabled. Enable it by visiting ${url} then ` +
        "retry. If you enabled this API recently, wait a few minutes for the action to propagate to our systems and retry.",
      "accessNotConfigured",
      [
        { "@type": "type.googleapis.com/google.rpc.Help", links },
        errorInfo("SERVICE_DISABLED", "googleapis.com", { service, consumer: `projects/${number}` }),
      ],
    );
  }

  private answers(project: string, service: string): boolean {
    if (this.delays.services === 0) return true;
    const since = this.since.get(`${project}/${service}`) ?? -Infinity;
    return since + this.delays.services <= performance.now();
  }
}
