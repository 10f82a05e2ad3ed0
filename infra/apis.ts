import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";

/** The Google APIs the stack uses, and what for. */
const APIS = {
  /** Reading and changing the project's IAM policy. */
  cloudresourcemanager: "cloudresourcemanager.googleapis.com",
  /** The service account. */
  iam: "iam.googleapis.com",
  /** What the nightly doctor writes, and the alerts that read it. */
  logging: "logging.googleapis.com",
  /** Alert policies, the uptime check and the dashboard. */
  monitoring: "monitoring.googleapis.com",
  /** The service. */
  run: "run.googleapis.com",
  /** Both secrets. */
  secretmanager: "secretmanager.googleapis.com",
  /** The instance, database, user, backups and imports. */
  sqladmin: "sqladmin.googleapis.com",
  /** The migrations bucket. */
  storage: "storage.googleapis.com",
} as const;

/**
 * Enables an API, for good: it stays enabled when the stack is destroyed.
 * @param host Such as `run.googleapis.com`.
 */
export function enableApi(name: string, host: string, parent: pulumi.Resource): gcp.projects.Service {
  return new gcp.projects.Service(name, { service: host, disableOnDestroy: false }, { parent });
}

/** The enabled APIs: what needs one names it in `dependsOn`. */
export class Apis extends pulumi.ComponentResource {
  /** By short name. */
  readonly enabled: Readonly<Record<keyof typeof APIS, gcp.projects.Service>>;

  constructor(name: string, opts?: pulumi.ComponentResourceOptions) {
    super("settlement:infra:Apis", name, {}, opts);
    const enable = (api: keyof typeof APIS) => enableApi(`${name}-${api}`, APIS[api], this);
    this.enabled = {
      cloudresourcemanager: enable("cloudresourcemanager"),
      iam: enable("iam"),
      logging: enable("logging"),
      monitoring: enable("monitoring"),
      run: enable("run"),
      secretmanager: enable("secretmanager"),
      sqladmin: enable("sqladmin"),
      storage: enable("storage"),
    };
    this.registerOutputs();
  }
}
