import { APIS } from "../../infra/api-names.ts";
import { enabledApis } from "../google/apis.ts";
import { NotVisible, type Reader } from "../google/reader.ts";
import type { StateResource } from "../engine/state.ts";

/** An API of a stack that is disabled, so that Google answers no question about its resources: a refresh needs it first. */
export interface DisabledApi {
  /** URN of the resource that enables it. */
  readonly urn: string;
  /** Such as `run.googleapis.com`. */
  readonly host: string;
}

/**
 * The APIs of a stack that are disabled; none if the caller may not see that: then the refresh says why it fails.
 * @param resources The resources of the state.
 * @param project The stack's project.
 */
export async function disabledApis(
  resources: readonly StateResource[],
  project: string,
  reader: Reader,
): Promise<DisabledApi[]> {
  const apis = apisOf(resources.filter(({ type }) => type === "gcp:projects/service:Service"));
  if (apis.length === 0) return [];
  const role = "roles/serviceusage.serviceUsageViewer";
  const read = (path: string) =>
    reader.read<gapi.client.serviceusage.ListServicesResponse>({ api: "serviceUsage", path, role });
  const enabled = await enabledApis(project, read).catch(unseen);
  return apis.filter(({ host }) => enabled?.includes(host) === false);
}

/** The APIs in the state, and those that an interrupted refresh removed from it. */
function apisOf(services: readonly StateResource[]): DisabledApi[] {
  const known = services.map(({ inputs, urn }) => ({ urn, host: inputs.service ?? "" }));
  const all = APIS.map((api) => ({ api, host: `${api}.googleapis.com` }));
  const stems = all.flatMap(({ api, host }) => known.find((one) => one.host === host)?.urn.slice(0, -api.length) ?? []);
  const [stem] = stems;
  if (stem === undefined) return known;
  const missing = all.filter(({ host }) => !known.some((one) => one.host === host));
  return [...known, ...missing.map(({ api, host }) => ({ urn: `${stem}${api}`, host }))];
}

function unseen(error: unknown): undefined {
  if (!(error instanceof NotVisible)) throw error;
}
