import { type Fields, isFields } from "../fields.ts";
import type { Google } from "../google.ts";
import { existing, type Live, type ResourceType } from "../provider.ts";
import { deletionPolicy, flag, own, project, type Properties, replacing, required, text } from "../schema.ts";
import { expand, importIds, lastStep } from "./paths.ts";

const properties: Properties = {
  service: { ...replacing(required(text)), apart: true },
  project,
  disableOnDestroy: own(flag),
  disableDependentServices: own(flag),
  checkIfServiceHasUsageOnDestroy: own(flag),
  deletionPolicy,
};

async function read(google: Google, known: Fields): Promise<Live | undefined> {
  const { project, service } = known;
  const query = { filter: "state:ENABLED", fields: "services/name,nextPageToken", pageSize: "200" };
  let pageToken: string | undefined;
  do {
    const answer = await google.find("serviceUsage", expand("projects/{project}/services", known), {
      query: { ...query, pageToken },
    });
    const services = Array.isArray(answer?.services) ? answer.services.filter(isFields) : [];
    if (services.some(({ name }) => lastStep(name) === service)) {
      return { id: `${String(project)}/${String(service)}`, values: { project, service } };
    }
    pageToken = typeof answer?.nextPageToken === "string" ? answer.nextPageToken : undefined;
  } while (pageToken);
  return undefined;
}

export const projectService: ResourceType = {
  token: "gcp:projects/service:Service",
  properties,
  ...importIds("{project}/{service}"),
  create: async (google, inputs) => {
    const path = expand("projects/{project}/services/{service}:enable", inputs);
    await google.finished("serviceUsage", await google.call("serviceUsage", "POST", path, { body: {} }));
    return existing(await read(google, inputs), `API ${String(inputs.service)}`);
  },
  read: (google, _id, known) => read(google, known),
  delete: async (google, _id, state) => {
    if (state.disableOnDestroy !== true) return;
    const body = {
      disableDependentServices: state.disableDependentServices === true,
      ...(state.checkIfServiceHasUsageOnDestroy === true && { checkIfServiceHasUsage: "CHECK" }),
    };
    const path = expand("projects/{project}/services/{service}:disable", state);
    await google.finished("serviceUsage", await google.call("serviceUsage", "POST", path, { body }));
  },
};
