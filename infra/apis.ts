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

/** The enabled APIs: what needs one names it in `dependsOn`. They stay enabled when the stack is destroyed. */
export class Apis extends pulumi.ComponentResource {
  /** By short name. */
  readonly enabled: Readonly<Record<keyof typeof APIS, gcp.projects.Service>>;

  constructor(name: string, opts?: pulumi.ComponentResourceOptions) {
    super("settlement:infra:Apis", name, {}, opts);
    const enable = (api: keyof typeof APIS) =>
      new gcp.projects.Service(`${name}-${api}`, { service: APIS[api], disableOnDestroy: false }, { parent: this });
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
