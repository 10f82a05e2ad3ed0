import { pages } from "../../infra/google.ts";

/**
 * Host names of a project's enabled APIs.
 * @param read Reads one page.
 */
export async function enabledApis(
  project: string,
  read: (path: string) => Promise<gapi.client.serviceusage.ListServicesResponse | undefined>,
): Promise<string[]> {
  const lists = await pages(`projects/${project}/services?filter=state:ENABLED&pageSize=200`, read);
  return lists.flatMap(({ services = [] }) => services.flatMap(({ config }) => config?.name ?? []));
}
