import { NotVisible } from "../../google/reader.ts";
import { type Check, finding, ok } from "../check.ts";

/** A replica that is further behind, in seconds, is reported: a failover would lose that much. */
const LONGEST_LAG = 60;

export const replica: Check = {
  id: "replica",
  title: "Replica",
  causes: ["apis", "instance"],
  look: async (facts) => {
    const found: string[] = [];
    for (const { name, region, settings, state } of await facts.replicas()) {
      const operations = facts.gcloud("sql", "operations", "list", `--instance=${name}`, "--limit=5");
      if (state !== "RUNNABLE") return finding(`${name} in ${region} is ${state}`, operations);
      if (settings.activationPolicy === "NEVER") {
        const start = facts.gcloud("sql", "instances", "patch", name, "--activation-policy=ALWAYS");
        return finding(`${name} in ${region} was stopped (activation policy NEVER)`, start);
      }
      if (settings.databaseReplicationEnabled === false) {
        const enable = facts.gcloud("sql", "instances", "patch", name, "--enable-database-replication");
        return finding(`replication to ${name} in ${region} is disabled`, enable);
      }
      const lag = await facts.metric("replication/replica_lag", name);
      if (lag === undefined) throw new NotVisible(`no lag of ${name} was measured in the last hour`);
      const behind = `${name} in ${region} is ${lag.toFixed(1)} s behind`;
      if (lag > LONGEST_LAG) return finding(behind, operations);
      found.push(behind);
    }
    return ok(found.length === 0 ? "none" : found.join(", "));
  },
};
