import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { Google, GoogleError } from "../../infra/google.ts";
import { endpointsOf } from "../engine/endpoints.ts";
import { tokenOf } from "../engine/token.ts";
import { UserError } from "../terminal/user-error.ts";
import type { Preview } from "./model.ts";

/** The data access logs of one API in a project, as Google keeps them in the project's policy. */
export type AuditConfig = gapi.client.cloudresourcemanager.AuditConfig;

type LogConfig = gapi.client.cloudresourcemanager.AuditLogConfig;

const TYPE = "gcp:projects/iAMAuditConfig:IAMAuditConfig";

/** The audit configurations that a preview creates. */
const created = ({ changes }: Preview) => changes.filter(({ op, type }) => op === "create" && type === TYPE);

/**
 * What audit configurations that were created manually would lose: a project has one for each API, and creating another
 * replaces it without an error.
 * @param read Reads the audit configurations of a project; not called if the preview creates none.
 * @returns By URN, as the object of "this loses"; nothing for one that the declared one includes.
 */
export async function lostAuditLogs(
  preview: Preview,
  read: (project: string) => Promise<readonly AuditConfig[]>,
): Promise<ReadonlyMap<string, string>> {
  const lost = new Map<string, string>();
  for (const { after, urn } of created(preview)) {
    const existing = (await read(String(after.project))).find(({ service }) => service === after.service);
    const wanted = (after.auditLogConfigs ?? []) as readonly LogConfig[];
    const parts = (existing?.auditLogConfigs ?? []).flatMap((config) => lostOf(config, wanted));
    if (parts.length > 0) lost.set(urn, parts.join(", and "));
  }
  return lost;
}

/**
 * Reads the audit configurations of a project with the user's credentials; none if the API of its policy is not enabled.
 * @param config The stack's configuration, by key.
 * @throws UserError if they cannot be read.
 */
export function auditConfigsOf(stack: Stack, config: Preview["config"]) {
  const google = new Google(endpointsOf(config), { token: tokenOf(stack) });
  return async (project: string): Promise<readonly AuditConfig[]> => {
    const body = { options: { requestedPolicyVersion: 3 } };
    const call = { api: "resourceManager", path: `projects/${project}:getIamPolicy`, body } as const;
    try {
      return (await google.find<gapi.client.cloudresourcemanager.Policy>(call))?.auditConfigs ?? [];
    } catch (error) {
      if (!(error instanceof GoogleError)) throw error;
      const remedy = error.status === 403 ? " Reading them needs roles/iam.securityReviewer on the project." : "";
      throw new UserError(
        `Whether the update would replace an audit configuration of ${project} is unknown: ${error.message}${remedy}`,
      );
    }
  };
}

function lostOf({ exemptedMembers: members = [], logType = "" }: LogConfig, wanted: readonly LogConfig[]): string[] {
  const kept = wanted.find((config) => config.logType === logType);
  if (!kept) {
    const exempted = members.length === 1 ? " is exempted" : " are exempted";
    return [`the log type ${logType}${members.length === 0 ? "" : `, from which ${named(members)}${exempted}`}`];
  }
  const logged = members.filter((member) => !kept.exemptedMembers?.includes(member));
  return logged.length === 0 ? [] : [`the exemption of ${named(logged)} from the log type ${logType}`];
}

function named(members: readonly string[]): string {
  return members.join(" and ");
}
