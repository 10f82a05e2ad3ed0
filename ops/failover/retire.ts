import { type Call, type Google } from "../../infra/google.ts";
import { serviceAccountEmail } from "../../infra/names.ts";
import { type Policy, repair } from "../google/policy.ts";
import type { Side } from "./pair.ts";

/**
 * Keeps a former primary from taking writes, if Cloud SQL does not make it a replica: stops it if it runs, and otherwise takes from
 * the service the role to connect to it, so that it takes none when it runs again.
 * @param say Prints a line.
 */
export async function retire(google: Google, project: string, from: Side, say: (line: string) => void): Promise<void> {
  if (!from.runs) {
    await disconnect(google, project, from.name);
    say(`${from.name} in ${from.region} does not run; once it does, the service cannot connect to it.`);
    return;
  }
  const path = `projects/${project}/instances/${from.name}`;
  const body = { settings: { activationPolicy: "NEVER" } } satisfies gapi.client.sql.DatabaseInstance;
  await google.operate({ api: "sql", method: "PATCH", path, body });
  say(`${from.name} in ${from.region} is stopped.`);
}

/** Removes the binding that lets the service's account connect to an instance, which the update leaves with what depends on it. */
async function disconnect(google: Google, project: string, instance: string): Promise<void> {
  const member = `serviceAccount:${serviceAccountEmail(project)}`;
  const api = "resourceManager";
  const read: Call = {
    api,
    path: `projects/${project}:getIamPolicy`,
    body: { options: { requestedPolicyVersion: 3 } },
  };
  const { bindings = [] } = await google.call<Policy>(read);
  const kept = bindings.filter(
    ({ condition, members = [], role }) =>
      members.includes(member) &&
      !(role === "roles/cloudsql.client" && condition?.expression.endsWith(`/instances/${instance}"`)),
  );
  await repair(google, {
    read,
    write: (policy) => ({ api, path: `projects/${project}:setIamPolicy`, body: { policy } }),
    memberships: kept.map(({ condition, role }) => ({ role, member, ...(condition && { condition }) })),
    isOurs: (each) => each === member,
  });
}
