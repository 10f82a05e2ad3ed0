import { DEFAULT_POOL, needed, RESERVED, sum } from "../../../infra/connection-budget.ts";
import { POOL_SIZE } from "../../../infra/names.ts";
import { maxConnections } from "../../../infra/tiers.ts";
import { NotVisible } from "../../google/reader.ts";
import { type Check, finding, ok } from "../check.ts";
import { environment, type Instance, type Service } from "../facts.ts";

/** Cloud Run's own maximum for a service that sets none: https://cloud.google.com/run/docs/configuring/max-instances */
const UNLIMITED = 100;

/**
 * The connections that an instance takes: its flag `max_connections`, else the default of its machine type.
 * @throws NotVisible for a machine type whose memory is not known.
 */
export function connectionLimit({ settings }: Instance): number {
  const flag = settings.databaseFlags?.find(({ name }) => name === "max_connections")?.value;
  const limit = flag === undefined ? maxConnections(settings.tier) : Number(flag);
  if (limit === undefined) throw new NotVisible(`the default max_connections of ${settings.tier} is not known`);
  return limit;
}

export const connectionBudget: Check = {
  id: "connection-budget",
  title: "Connection budget",
  causes: ["apis", "instance", "service"],
  look: async (facts) => {
    const limit = connectionLimit(await facts.existingInstance());
    const service = await facts.existingService();
    const { name, value } = environment(service).find((variable) => variable.name === POOL_SIZE) ?? {};
    const pool = Number(value ?? DEFAULT_POOL);
    const demand = { instances: mostInstances(service), pool };
    const source = name === undefined ? ` (${DEFAULT_POOL}: the service's default)` : "";
    const found = `${sum([demand])} of ${limit}${source}`;
    if (needed([demand]) > limit) {
      const fitting = Math.max(1, Math.floor((limit - RESERVED) / pool));
      return finding(found, facts.deploy(facts.updateService(`--max-instances=${fitting}`)));
    }
    const twice = needed([{ ...demand, instances: 2 * demand.instances }]);
    return ok(`${found}; a rollout under full load may need ${twice}`);
  },
};

/** Of all revisions together or of one, whichever is less; 0 stands for none. */
function mostInstances({ scaling, template }: Service): number {
  const limits = [scaling?.maxInstanceCount, template.scaling?.maxInstanceCount].filter((limit) => limit);
  return Math.min(...limits.map(Number), ...(limits.length === 0 ? [UNLIMITED] : []));
}
