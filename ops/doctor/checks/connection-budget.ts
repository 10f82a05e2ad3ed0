import {
  clientSum,
  DEFAULT_POOL,
  needed,
  pooled,
  pooledSum,
  type Pooling,
  RESERVED,
  shortage,
  sum,
} from "../../../infra/connection-budget.ts";
import { LOGINS, POOL_SIZE } from "../../../infra/names.ts";
import { cpusOf, maxConnections } from "../../../infra/tiers.ts";
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
    const instance = await facts.existingInstance();
    const limit = connectionLimit(instance);
    const pooling = poolingOf(instance);
    const service = await facts.existingService();
    const { name, value } = environment(service).find((variable) => variable.name === POOL_SIZE) ?? {};
    const pool = Number(value ?? DEFAULT_POOL);
    const demand = { instances: mostInstances(service), pool };
    if (pooling) {
      const found = `${clientSum([demand])} of ${pooling.clients} clients${source(name)}; ${pooledSum(pooling)} of ${limit}`;
      const lacking = shortage([demand], limit, pooling);
      if (!lacking) return ok(found);
      const perConnection = pooled({ ...pooling, poolSize: 1 }, 0);
      const clients = Math.max(pooling.clients, needed([demand], 0));
      const poolSize = Math.min(pooling.poolSize, Math.floor((limit - RESERVED) / perConnection));
      const flags = `--connection-pool-flags=max_client_connections=${clients},max_pool_size=${poolSize}`;
      // The option is not in every release of gcloud yet.
      return finding(found, facts.deploy(facts.gcloud("beta", "sql", "instances", "patch", instance.name, flags)));
    }
    const found = `${sum([demand])} of ${limit}${source(name)}`;
    if (needed([demand]) > limit) {
      const fitting = Math.max(1, Math.floor((limit - RESERVED) / pool));
      return finding(found, facts.deploy(facts.updateService(`--max-instances=${fitting}`)));
    }
    const twice = needed([{ ...demand, instances: 2 * demand.instances }]);
    return ok(`${found}; a rollout under full load may need ${twice}`);
  },
};

/** Why a pool has its size. @param variable The variable that sets it. */
function source(variable: string | undefined): string {
  return variable === undefined ? ` (${DEFAULT_POOL}: the service's default)` : "";
}

/**
 * The poolers before an instance; undefined without Managed Connection Pooling.
 * @throws NotVisible if one of their limits is Google's default, which it does not return.
 */
function poolingOf({ settings }: Instance): Pooling | undefined {
  const { connectionPoolingEnabled, flags = [] } = settings.connectionPoolConfig ?? {};
  if (connectionPoolingEnabled !== true) return undefined;
  const limit = (flag: string) => {
    const value = flags.find(({ name }) => name === flag)?.value;
    if (value === undefined) throw new NotVisible(`the default ${flag} of the poolers is not known`);
    return Number(value);
  };
  const cpus = cpusOf(settings.tier);
  if (cpus === undefined) throw new NotVisible(`the CPUs of ${settings.tier} are not known`);
  return { clients: limit("max_client_connections"), cpus, logins: LOGINS.length, poolSize: limit("max_pool_size") };
}

/** Of all revisions together or of one, whichever is less; 0 stands for none. */
export function mostInstances({ scaling, template }: Service): number {
  const limits = [scaling?.maxInstanceCount, template.scaling?.maxInstanceCount].filter((limit) => limit);
  return Math.min(...limits.map(Number), ...(limits.length === 0 ? [UNLIMITED] : []));
}
