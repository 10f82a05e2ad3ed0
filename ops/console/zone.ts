import * as pulumi from "@pulumi/pulumi";
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { loadConfig } from "../../infra/config.ts";
import { settlement } from "../../infra/settlement.ts";
import { inspect } from "../preview/inspect.ts";

/** The type of the resource that mounts the socket. */
const SERVICE = "gcp:cloudrunv2/service:Service";

/**
 * Previews the program with a zone where the region belongs in the service's connection name, the mistake that once failed
 * only at run time. Nothing is changed.
 * @returns What the policies say about it.
 */
export async function previewWithZone(stack: Stack): Promise<readonly { policy: string; message: string }[]> {
  const { preview } = await inspect(stack, {
    program: () => {
      pulumi.runtime.registerStackTransformation(({ opts, props, type }) =>
        type === SERVICE ? { props: withZone(props), opts } : undefined,
      );
      return Promise.resolve(settlement(loadConfig()));
    },
  });
  return preview.findings.filter(({ mandatory }) => mandatory);
}

/** The service's properties with `us-central1-a` instead of `us-central1` in its volumes. */
function withZone(props: Readonly<Record<string, unknown>>): Record<string, unknown> {
  interface Template {
    readonly volumes: readonly { readonly cloudSqlInstance: { readonly instances: readonly string[] } }[];
  }
  const template = pulumi.output(props.template as pulumi.Input<Template>).apply(({ volumes, ...rest }) => ({
    ...rest,
    volumes: volumes.map(({ cloudSqlInstance: { instances }, ...volume }) => ({
      ...volume,
      cloudSqlInstance: { instances: instances.map((name) => name.replace(/^([^:]+:[^:]+):/, "$1-a:")) },
    })),
  }));
  return { ...props, template };
}
