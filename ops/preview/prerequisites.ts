import { APIS } from "../../infra/api-names.ts";
import { enabledApis } from "../google/apis.ts";
import { NotVisible, type Reader } from "../google/reader.ts";
import type { StateResource } from "../engine/state.ts";

/** A resource that was changed outside the stack so that Google answers no question about others: a refresh needs it first. */
export interface Prerequisite {
  readonly urn: string;
  /** What is wrong, as a sentence without its full stop. */
  readonly sentence: string;
}

/**
 * The APIs of a stack that are disabled, else its instances that are stopped. Cloud SQL does not list the logins and databases
 * of a stopped instance.
 * @param resources The resources of the state.
 * @param project The stack's project.
 */
export async function prerequisites(
  resources: readonly StateResource[],
  project: string,
  reader: Reader,
): Promise<Prerequisite[]> {
  const of = (type: string) => resources.filter((resource) => resource.type === type);
  const services = apisOf(of(API));
  const role = "roles/serviceusage.serviceUsageViewer";
  const read = (path: string) =>
    reader.read<gapi.client.serviceusage.ListServicesResponse>({ api: "serviceUsage", path, role });
  const enabled = services.length === 0 ? [] : await enabledApis(project, read).catch(unseen);
  const disabled = services.filter(({ host }) => enabled && !enabled.includes(host));
  if (disabled.length > 0) return disabled.map(({ host, urn }) => ({ urn, sentence: `${host} is disabled` }));
  const instances = of("gcp:sql/databaseInstance:DatabaseInstance").map(async ({ outputs, urn }) => {
    const name = outputs?.name ?? "";
    const question = {
      api: "sql",
      path: `projects/${project}/instances/${name}`,
      role: "roles/cloudsql.viewer",
    } as const;
    const live = await reader.read<gapi.client.sql.DatabaseInstance>(question).catch(unseen);
    return live?.settings?.activationPolicy === "NEVER" ? [{ urn, sentence: `${name} is stopped` }] : [];
  });
  return (await Promise.all(instances)).flat();
}

const API = "gcp:projects/service:Service";

/** The APIs in the state, and those that an interrupted refresh removed from it. */
function apisOf(services: readonly StateResource[]): readonly { readonly urn: string; readonly host: string }[] {
  const known = services.map(({ inputs, urn }) => ({ urn, host: inputs.service ?? "" }));
  const one = known.find(({ host, urn }) => urn.endsWith(`-${host.split(".")[0] ?? ""}`));
  if (!one) return known;
  const stem = one.urn.slice(0, -(one.host.split(".")[0] ?? "").length);
  const declared = APIS.map((api) => ({ urn: `${stem}${api}`, host: `${api}.googleapis.com` }));
  return [...known, ...declared.filter(({ host }) => !known.some((each) => each.host === host))];
}

/** What cannot be seen does not decide; the refresh says why it fails. */
function unseen(error: unknown): undefined {
  if (!(error instanceof NotVisible)) throw error;
}
