import { type Fields, isFields } from "../fields.ts";
import type { Google } from "../google.ts";
import type { Live, ResourceType } from "../provider.ts";
import { apart, deletionPolicy, project, required, text } from "../schema.ts";
import { expand, importIds, match } from "./paths.ts";

const FORM = "projects/{project}/dashboards/{id}";

/** Whether one JSON text contains everything in another; Google may add properties. */
function same(before: unknown, after: unknown): boolean {
  return covers(JSON.parse(String(before)), JSON.parse(String(after)));
}

function covers(live: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) {
    return (
      Array.isArray(live) && live.length === wanted.length && wanted.every((item, index) => covers(live[index], item))
    );
  }
  if (!isFields(wanted)) return live === wanted;
  return isFields(live) && Object.entries(wanted).every(([name, inner]) => covers(live[name], inner));
}

function toLive(dashboard: Fields): Live {
  const id = String(dashboard.name);
  const { name: _name, ...layout } = dashboard;
  const dashboardJson = JSON.stringify(layout);
  return { id, values: { project: match(FORM, id)?.project, dashboardJson } };
}

async function read(google: Google, id: string): Promise<Live | undefined> {
  const found = await google.find("monitoring", `v1/${id}`);
  return found && toLive(found);
}

/** A dashboard of Cloud Monitoring, which the program sets as a JSON text. */
export const dashboard: ResourceType = {
  token: "gcp:monitoring/dashboard:Dashboard",
  properties: { project, dashboardJson: { ...required(apart(text)), same }, deletionPolicy },
  ...importIds(FORM),
  create: async (google, inputs) => {
    const body = JSON.parse(String(inputs.dashboardJson)) as Fields;
    return toLive(
      await google.call("monitoring", "POST", expand("v1/projects/{project}/dashboards", inputs), { body }),
    );
  },
  read,
  update: async (google, id, { after }) => {
    const { etag } = await google.call("monitoring", "GET", `v1/${id}`);
    const body = { ...(JSON.parse(String(after.dashboardJson)) as Fields), etag };
    return toLive(await google.call("monitoring", "PATCH", `v1/${id}`, { body }));
  },
  delete: (google, id) => google.call("monitoring", "DELETE", `v1/${id}`),
};
