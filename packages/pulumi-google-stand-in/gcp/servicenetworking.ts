import { type Fields, isFields } from "../fields.ts";
import type { Google } from "../google.ts";
import { existing, type Live, type ResourceType } from "../provider.ts";
import { deletionPolicy, flag, list, output, own, type Properties, replacing, required, text } from "../schema.ts";
import { match, sameName } from "./paths.ts";

/** Private services access: the peering of a network with Google's services. */

const properties: Properties = {
  network: { ...replacing(required(text)), same: sameName },
  service: replacing(required(text)),
  reservedPeeringRanges: required(list(text)),
  updateOnCreationFail: own(flag),
  deletionPolicy,
  peering: output(text),
};

/** The network with its project's number, as this API requires. */
async function byNumber(google: Google, network: string): Promise<string> {
  const { project, name } = match("projects/{project}/global/networks/{name}", network) ?? {};
  const found = await google.call("resourceManager", "GET", `projects/${String(project)}`);
  return `projects/${String(found.projectNumber)}/global/networks/${String(name)}`;
}

async function read(google: Google, known: Fields): Promise<Live | undefined> {
  const network = await byNumber(google, String(known.network));
  const path = `services/${String(known.service)}/connections`;
  const answer = await google.find("serviceNetworking", path, { query: { network } });
  const connection = (Array.isArray(answer?.connections) ? answer.connections : []).find(isFields);
  if (!connection) return undefined;
  const { peering, reservedPeeringRanges } = connection;
  return {
    id: `${encodeURIComponent(String(known.network))}:${String(known.service)}`,
    values: { network: known.network, service: known.service, peering, reservedPeeringRanges },
  };
}

async function send(google: Google, method: "POST" | "PATCH", known: Fields, query = {}): Promise<Live> {
  const path = `services/${String(known.service)}/connections${method === "PATCH" ? "/-" : ""}`;
  const body = {
    network: await byNumber(google, String(known.network)),
    reservedPeeringRanges: known.reservedPeeringRanges,
  };
  const operation = await google.call("serviceNetworking", method, path, { query, body });
  await google.finished("serviceNetworking", operation);
  return existing(await read(google, known), `The peering of ${String(known.network)}`);
}

export const serviceNetworkingConnection: ResourceType = {
  token: "gcp:servicenetworking/connection:Connection",
  properties,
  idForms: ["NETWORK:SERVICE"],
  parseId: (id) => {
    const [, network, service] = /^(.+):([^:]+)$/.exec(id) ?? [];
    return network !== undefined && service !== undefined
      ? { network: decodeURIComponent(network), service }
      : undefined;
  },
  create: (google, inputs) => send(google, "POST", inputs),
  read: (google, _id, known) => read(google, known),
  update: (google, _id, { after }) =>
    send(google, "PATCH", after, { updateMask: "reservedPeeringRanges", force: "true" }),
  delete: async (google, _id, state) => {
    const path = `services/${String(state.service)}/connections/${String(state.peering)}`;
    const consumerNetwork = await byNumber(google, String(state.network));
    await google.finished(
      "serviceNetworking",
      await google.call("serviceNetworking", "POST", path, { body: { consumerNetwork } }),
    );
  },
};
