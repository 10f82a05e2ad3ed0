import { isFields } from "../fields.ts";
import type { ResourceType } from "../provider.ts";
import { output, project, replacing, required, text } from "../schema.ts";
import { expand } from "./paths.ts";

/** The service agent of an API in a project. Google never deletes it, and no API lists it. */
export const serviceIdentity: ResourceType = {
  token: "gcp:projects/serviceIdentity:ServiceIdentity",
  properties: {
    service: { ...replacing(required(text)), apart: true },
    project,
    email: output(text),
    member: output(text),
  },
  create: async (google, inputs) => {
    const { project, service } = inputs;
    const path = expand("projects/{project}/services/{service}:generateServiceIdentity", inputs);
    const operation = await google.call("serviceUsage", "POST", path, { body: {} });
    await google.finished("serviceUsage", operation);
    const email = isFields(operation.response) ? String(operation.response.email) : "";
    return {
      id: expand("projects/{project}/services/{service}", inputs),
      values: { project, service, email, member: `serviceAccount:${email}` },
    };
  },
  read: (_google, id, { project, service, email, member }) =>
    Promise.resolve({ id, values: { project, service, email, member } }),
  delete: () => Promise.resolve(),
};
