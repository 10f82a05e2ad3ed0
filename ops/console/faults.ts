import { randomBytes } from "node:crypto";
import {
  CONNECTION_STRING_SECRET,
  DATABASE,
  migrationsBucket,
  OWNER_ROLE,
  SERVICE_ACCOUNT,
} from "../../infra/names.ts";
import { lastPart } from "../../infra/google.ts";
import type { FaultInfo } from "../../packages/console/data.ts";
import { Refused } from "../../packages/console/server.ts";
import type { Binding, Policy } from "../google/policy.ts";
import type { Cloud } from "./cloud.ts";
import type { Observed } from "./observed.ts";

/** A fault of 25 October 2025, and how to cause it by Google's APIs alone. */
export interface Fault extends FaultInfo {
  readonly set: (cloud: Cloud, seen: Observed) => Promise<void>;
}

/** The four faults of the incident. */
export const FAULTS: readonly Fault[] = [
  {
    id: "secret",
    title: "The secret is missing",
    story: "The secret settlement-db-connection-string did not exist, so the service had no DATABASE_URL.",
    how: "Deletes the secret, and has Cloud Run start a new instance.",
    set: (cloud) =>
      withNewInstance(cloud, async () => {
        await cloud.change("DELETE", `${cloud.secrets}/${CONNECTION_STRING_SECRET}`);
      }),
  },
  {
    id: "password",
    title: "The password is wrong",
    story: "The login's password in Cloud SQL was not the one that the service used.",
    how: "Gives the login another password in Cloud SQL, and restarts the instance, which ends the service's connections.",
    set: async (cloud, seen) => {
      const login = seen.secrets.find(({ id }) => id === CONNECTION_STRING_SECRET)?.login;
      if (login === undefined) throw new Refused("The connection string names no login.");
      const instance = `${cloud.sql}/instances/${instanceOf(seen)}`;
      const password = randomBytes(18).toString("base64url");
      await cloud.operate("PUT", `${instance}/users?name=${login}`, { name: login, password });
      await cloud.operate("POST", `${instance}/restart`);
    },
  },
  {
    id: "tables",
    title: "The tables are missing",
    story: "The tables settlement_commands and webhook_subscriptions did not exist.",
    how: "Imports a script that drops them.",
    set: async (cloud, seen) => {
      const login = seen.secrets.find(({ id }) => id === CONNECTION_STRING_SECRET)?.login;
      const bucket = migrationsBucket(cloud.project);
      const name = "console/drop-tables.sql";
      const upload = `/upload/storage/v1/b/${bucket}/o?uploadType=media&name=${encodeURIComponent(name)}`;
      await cloud.change(
        "POST",
        upload,
        `SET ROLE ${OWNER_ROLE};\nDROP TABLE settlement_commands, webhook_subscriptions, schema_migrations CASCADE;\n`,
      );
      await cloud.operate("POST", `${cloud.sql}/instances/${instanceOf(seen)}/import`, {
        importContext: { uri: `gs://${bucket}/${name}`, database: DATABASE, fileType: "SQL", importUser: login },
      });
      await cloud.change("DELETE", `/storage/v1/b/${bucket}/o/${encodeURIComponent(name)}`);
    },
  },
  {
    id: "access",
    title: "The account has no access",
    story: "The service account lacked access to Cloud SQL and to the secret.",
    how: "Removes its roles on the secret and on the project, and has Cloud Run start a new instance.",
    set: (cloud) =>
      withNewInstance(cloud, async () => {
        const project = `/v1/projects/${cloud.project}`;
        const options = { options: { requestedPolicyVersion: 3 } };
        const secret = `${cloud.secrets}/${CONNECTION_STRING_SECRET}`;
        const ofSecret = await cloud.read<Policy>(`${secret}:getIamPolicy?options.requestedPolicyVersion=3`);
        const ofProject = await cloud.read<Policy>(`${project}:getIamPolicy`, options);
        await cloud.change("POST", `${secret}:setIamPolicy`, { policy: without(ofSecret, cloud.project) });
        await cloud.change("POST", `${project}:setIamPolicy`, { policy: without(ofProject, cloud.project) });
      }),
  },
];

/** What gcloud sets to have Cloud Run create a revision that is otherwise the same; the program ignores it. */
const NONCE = "client.knative.dev/nonce";

/**
 * Sets a fault that acts when an instance of the service starts: creates a revision that is otherwise the same, sets the
 * fault, and moves the traffic back to the former revision, which must start again.
 */
async function withNewInstance(cloud: Cloud, set: () => Promise<void>): Promise<void> {
  const before = await serviceOf(cloud);
  const { template = {} } = before;
  const labels = { ...template.labels, [NONCE]: randomBytes(5).toString("hex").replace(/\d/g, "x") };
  await cloud.operate("PATCH", cloud.service, { ...before, template: { ...template, labels } });
  await set();
  const revision = lastPart(before.latestReadyRevision ?? "");
  const traffic = [{ type: "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", revision, percent: 100 }];
  await cloud.operate("PATCH", cloud.service, { ...(await serviceOf(cloud)), traffic });
}

/** Moves the traffic to the newest revision, unless it is there. */
export async function trafficToNewest(cloud: Cloud): Promise<void> {
  const service = await serviceOf(cloud);
  if (service.traffic?.every(({ type }) => type === "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST")) return;
  const traffic = [{ type: "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", percent: 100 }];
  await cloud.operate("PATCH", cloud.service, { ...service, traffic });
}

async function serviceOf(cloud: Cloud): Promise<gapi.client.run.GoogleCloudRunV2Service> {
  const service = await cloud.read<gapi.client.run.GoogleCloudRunV2Service>(cloud.service);
  if (!service) throw new Refused("The service does not exist.");
  return service;
}

function instanceOf({ instance }: Observed): string {
  if (instance?.name === undefined) throw new Refused("The Cloud SQL instance does not exist.");
  return instance.name;
}

/** A policy without the service's account. @throws Refused without a policy. */
function without(policy: Policy | undefined, project: string): Policy {
  if (!policy) throw new Refused("The policy cannot be read.");
  const own = `serviceAccount:${SERVICE_ACCOUNT.accountId}@${project}.iam.gserviceaccount.com`;
  const bindings = (policy.bindings ?? []).map((binding): Binding => ({
    ...binding,
    members: (binding.members ?? []).filter((member) => member !== own),
  }));
  return { ...policy, bindings: bindings.filter(({ members = [] }) => members.length > 0) };
}
