import { fullName, projectResource } from "./access.ts";
import type { Policies } from "./policies.ts";
import type { Collection, Store } from "../state/store.ts";
import type { Projects } from "../server/projects.ts";
import type { Delays } from "../server/faults.ts";

/** An API's service agent: https://cloud.google.com/iam/docs/service-agents */
interface Agent {
  /** The domain of its email, without `.iam.gserviceaccount.com`. */
  readonly domain: string;
  /** The role that it gets on its project when it is created. */
  readonly role?: string;
  /** Whether enabling the API creates it. */
  readonly withApi?: true;
}

const AGENTS: Readonly<Record<string, Agent | undefined>> = {
  "monitoring.googleapis.com": { domain: "gcp-sa-monitoring-notification" },
  "run.googleapis.com": { domain: "serverless-robot-prod", role: "roles/run.serviceAgent", withApi: true },
};

/** The email of an API's service agent, which may not exist yet. @param api One whose agent the embedded cloud knows. */
export function agentOf(api: string, projectNumber: string): string {
  return `service-${projectNumber}@${AGENTS[api]?.domain ?? ""}.iam.gserviceaccount.com`;
}

/** The service agents of all projects. */
export class Agents {
  /** Whether it exists, by email. */
  private readonly created: Collection<true>;
  private readonly projects: Projects;
  private readonly policies: Policies;
  private readonly delays: Delays;

  constructor(store: Store, projects: Projects, policies: Policies, delays: Delays) {
    this.created = store.collection("service-agents");
    this.projects = projects;
    this.policies = policies;
    this.delays = delays;
  }

  /**
   * Creates an API's service agent if it does not exist, with its role on the project.
   * @returns Its email; undefined for an API whose agent the embedded cloud does not know.
   */
  create(api: string, project: string): string | undefined {
    const agent = AGENTS[api];
    if (!agent) return undefined;
    const email = agentOf(api, this.projects.number(project));
    if (this.created.get(email)) return email;
    this.created.put(email, true);
    if (agent.role !== undefined) this.grant(agent.role, `serviceAccount:${email}`, this.projects.id(project));
    return email;
  }

  /** Creates the agents that exist as soon as their API is enabled. */
  onEnabled(apis: readonly string[], project: string): void {
    for (const api of apis) if (AGENTS[api]?.withApi) this.create(api, project);
  }

  /** Whether an email is that of a service agent that was not created. */
  isMissing(email: string): boolean {
    const [, number = "", domain] = /^service-(\d+)@([^.]+)\.iam\.gserviceaccount\.com$/.exec(email) ?? [];
    const isKnown = Object.values(AGENTS).some((agent) => agent?.domain === domain);
    const isOurs = this.projects.ids.some((id) => this.projects.number(id) === number);
    return isKnown && isOurs && !this.created.get(email);
  }

  private grant(role: string, member: string, project: string): void {
    const name = fullName(projectResource(project));
    const current = this.policies.get(name);
    this.policies.set(name, { ...current, bindings: [...current.bindings, { role, members: [member] }] });
    if (this.delays.bindings > 0) this.policies.keepFormer(name, current);
  }
}
