import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import { APIS } from "./api-names.ts";

/** Enables an API such as `run.googleapis.com`; it stays enabled when the stack is destroyed. */
export function enableApi(name: string, host: string, parent: pulumi.Resource): gcp.projects.Service {
  return new gcp.projects.Service(name, { service: host, disableOnDestroy: false }, { parent });
}

/** The enabled APIs; resources that need one list it in `dependsOn`. */
export class Apis extends pulumi.ComponentResource {
  /** By short name. */
  readonly enabled: Readonly<Record<(typeof APIS)[number], gcp.projects.Service>>;

  constructor(name: string) {
    super("settlement:infra:Apis", name);
    const enabled = APIS.map((api) => [api, enableApi(`${name}-${api}`, `${api}.googleapis.com`, this)]);
    this.enabled = Object.fromEntries(enabled) as typeof this.enabled;
    this.registerOutputs();
  }
}
