import type { Fields } from "../fields.ts";
import type { ApiName } from "../endpoints.ts";
import type { Google } from "../google.ts";
import type { ResourceType } from "../provider.ts";
import { apart, project, type Property, replacing, required, text } from "../schema.ts";
import { iamMember, type Parent } from "./members.ts";
import { sameName } from "./paths.ts";

const VERSION = "3";

/** How most APIs get and set a policy. */
function verbs(api: ApiName, get: Readonly<Record<string, string>>): Pick<Parent, "api" | "getPolicy" | "setPolicy"> {
  return {
    api,
    getPolicy: (google: Google, resource: string) =>
      google.call(api, "GET", `${resource}:getIamPolicy`, { query: get }),
    setPolicy: (google: Google, resource: string, policy: Fields) =>
      google.call(api, "POST", `${resource}:setIamPolicy`, { body: { policy } }),
  };
}

const name: Property = { ...required(replacing(apart(text))), same: sameName };
/** A resource's full name, given either form. */
const fullName = (parent: string, name: unknown) =>
  String(name).includes("/") ? String(name) : `${parent}/${String(name)}`;

const runMember = (kind: "service" | "job"): ResourceType => {
  const form = `projects/{project}/locations/{location}/${kind}s/{name}`;
  return iamMember({
    token: `gcp:cloudrunv2/${kind}IamMember:${kind === "service" ? "Service" : "Job"}IamMember`,
    properties: { project, location: { ...replacing(apart(text)), from: "region" }, name },
    resource: ({ project, location, name }) =>
      fullName(`projects/${String(project)}/locations/${String(location)}/${kind}s`, name),
    forms: [form],
    ...verbs("run", {}),
  });
};

/** The resource types of IAM members. */
export const policyMembers: readonly ResourceType[] = [
  iamMember({
    token: "gcp:projects/iAMMember:IAMMember",
    api: "resourceManager",
    properties: { project: required(replacing(apart(text))) },
    resource: ({ project }) => String(project),
    forms: ["{project}"],
    getPolicy: (google, resource) =>
      google.call("resourceManager", "POST", `projects/${resource}:getIamPolicy`, {
        body: { options: { requestedPolicyVersion: Number(VERSION) } },
      }),
    setPolicy: (google, resource, policy) =>
      google.call("resourceManager", "POST", `projects/${resource}:setIamPolicy`, {
        body: { policy, updateMask: "bindings,etag,auditConfigs" },
      }),
  }),
  iamMember({
    token: "gcp:secretmanager/secretIamMember:SecretIamMember",
    properties: { project, secretId: name },
    resource: ({ project, secretId }) => fullName(`projects/${String(project)}/secrets`, secretId),
    forms: ["projects/{project}/secrets/{secretId}"],
    ...verbs("secretManager", { "options.requestedPolicyVersion": VERSION }),
  }),
  iamMember({
    token: "gcp:storage/bucketIAMMember:BucketIAMMember",
    api: "storage",
    properties: { bucket: name },
    resource: ({ bucket }) => fullName("b", bucket),
    forms: ["b/{bucket}", "{bucket}"],
    getPolicy: (google, resource) =>
      google.call("storage", "GET", `${resource}/iam`, { query: { optionsRequestedPolicyVersion: VERSION } }),
    setPolicy: (google, resource, policy) => google.call("storage", "PUT", `${resource}/iam`, { body: policy }),
  }),
  runMember("service"),
  runMember("job"),
];
