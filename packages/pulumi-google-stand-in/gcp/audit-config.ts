import type { Fields } from "../fields.ts";
import type { Google } from "../google.ts";
import { existing, type Live, type ResourceType } from "../provider.ts";
import { object, replacing, required, set, text } from "../schema.ts";

/** Which accesses to an API a project logs: an entry of `auditConfigs` in the project's IAM policy. */

interface Policy {
  readonly etag?: string;
  readonly auditConfigs?: readonly Fields[];
}

const properties = {
  project: { ...required(replacing(text)), apart: true },
  service: required(replacing(text)),
  auditLogConfigs: required(set(object({ logType: required(text), exemptedMembers: set(text) }))),
  etag: { ...text, output: "changing" },
} as const;

const getPolicy = (google: Google, project: unknown): Promise<Policy> =>
  google.call("resourceManager", "POST", `projects/${String(project)}:getIamPolicy`, {
    body: { options: { requestedPolicyVersion: 3 } },
  });

/** Replaces the API's entry, or removes it. */
function replace(google: Google, { project, service }: Fields, entry: readonly Fields[]): Promise<unknown> {
  return google.serially(`resourceManager ${String(project)}`, () =>
    google.contended(async () => {
      const policy = await getPolicy(google, project);
      const others = (policy.auditConfigs ?? []).filter((each) => each.service !== service);
      return google.call("resourceManager", "POST", `projects/${String(project)}:setIamPolicy`, {
        body: { policy: { ...policy, auditConfigs: [...others, ...entry] }, updateMask: "etag,auditConfigs" },
      });
    }),
  );
}

async function read(google: Google, { project, service }: Fields): Promise<Live | undefined> {
  const { etag, auditConfigs } = await getPolicy(google, project);
  const entry = auditConfigs?.find((each) => each.service === service);
  if (!entry) return undefined;
  return {
    id: `${String(project)}/audit_config/${String(service)}`,
    values: { project, service, auditLogConfigs: entry.auditLogConfigs, etag },
  };
}

async function write(google: Google, { project, service, auditLogConfigs }: Fields): Promise<Live> {
  await replace(google, { project, service }, [{ service, auditLogConfigs }]);
  return existing(await read(google, { project, service }), `The audit configuration of ${String(service)}`);
}

export const auditConfig: ResourceType = {
  token: "gcp:projects/iAMAuditConfig:IAMAuditConfig",
  properties,
  idForms: ["{project} {service}"],
  parseId: (id) => {
    const [project, service, ...rest] = id.split(" ");
    return service === undefined || rest.length > 0 ? undefined : { project, service };
  },
  create: write,
  read: (google, _id, known) => read(google, known),
  update: (google, _id, { after }) => write(google, after),
  delete: (google, _id, state) => replace(google, state, []),
};
