import { type Instance, stamped } from "./instance.ts";
import type { Instances } from "./instances.ts";
import type { Operation, Operations } from "./operations.ts";
import { primaryNameOf } from "./instance-name.ts";
import { invalidOperation, isReplica } from "./replica-rules.ts";
import { settingsAfterPromotion } from "./settings.ts";

/** What becomes of replicas: https://cloud.google.com/sql/docs/postgres/replication/manage-replicas */
export class Replicas {
  private readonly instances: Instances;
  private readonly operations: Operations;

  constructor(instances: Instances, operations: Operations) {
    this.instances = instances;
    this.operations = operations;
  }

  /**
   * Makes a replica an instance of its own.
   * @param failover Whether its former primary becomes its replica, with a new copy of the data once it runs. Only of a DR replica.
   */
  promote(project: string, name: string, failover: boolean, caller: string): Operation {
    const replica = this.require(project, name);
    if (failover) this.requireDr(replica);
    return this.operations.begin(this.instances.target("PROMOTE_REPLICA", replica, caller), async () => {
      const standby = await this.instances.running(project, name);
      await this.instances.maintain([replica], () => standby.promote());
      await this.promoted(replica, failover);
    });
  }

  /** Makes a primary and its DR replica change places, and loses nothing. */
  switchover(project: string, name: string, caller: string): Operation {
    const replica = this.require(project, name);
    this.requireDr(replica);
    const primary = this.instances.requireRunning(project, primaryNameOf(replica) ?? "");
    return this.operations.begin(this.instances.target("SWITCHOVER", replica, caller), () =>
      this.operations.perform(this.instances.target("SWITCHOVER", primary, caller), async () => {
        await this.instances.running(project, name); // both servers
        await this.instances.maintain([primary, replica], () => this.instances.switchOver(primary, replica));
        await this.promoted(replica, true);
      }),
    );
  }

  /** Disables or enables replication. A disabled replica still receives, and replays nothing. */
  replicate(project: string, name: string, enabled: boolean, caller: string): Operation {
    const replica = this.require(project, name);
    const type = enabled ? "START_REPLICA" : "STOP_REPLICA";
    return this.operations.begin(this.instances.target(type, replica, caller), async () => {
      const now = this.instances.get(project, name);
      const next = stamped({ ...now, settings: { ...now.settings, databaseReplicationEnabled: enabled } });
      this.instances.keep(next);
      await this.instances.running(project, name);
    });
  }

  /** Completes the promotions that a killed run left, of replicas that stand alone by now. */
  async recover(): Promise<void> {
    for (const operation of this.operations.interrupted()) {
      if (!["PROMOTE_REPLICA", "SWITCHOVER"].includes(operation.operationType)) continue;
      const replica = this.instances.get(operation.targetProject, operation.targetId);
      if (!isReplica(replica) || this.instances.isStandby(replica)) continue;
      await this.promoted(replica, this.isDr(replica));
      this.operations.finish(operation);
    }
  }

  /** Records a promotion. @param exchange Whether the former primary becomes a replica of this instance. */
  private async promoted(replica: Instance, exchange: boolean): Promise<void> {
    const { project, name } = replica;
    const former = this.instances.get(project, primaryNameOf(replica) ?? "");
    this.instances.copyKnown(project, former.name, name);
    const now = this.instances.get(project, name);
    const { masterInstanceName: _master, replicaConfiguration: _configuration, ...rest } = now;
    const settings = settingsAfterPromotion(now.settings, exchange ? former.settings : undefined);
    const own: Instance = { ...(rest as Instance), instanceType: "CLOUD_SQL_INSTANCE", settings };
    if (exchange) {
      const replicationCluster = { failoverDrReplicaName: `${project}:${former.name}` };
      this.instances.keep(stamped({ ...own, replicationCluster }));
      await this.instances.demote(former, name);
    } else {
      this.instances.keep(stamped(own));
      await this.instances.forget(former, name);
    }
  }

  private require(project: string, name: string): Instance {
    const replica = this.instances.requireRunning(project, name);
    if (!isReplica(replica)) throw invalidOperation("it is not a read replica");
    return replica;
  }

  private requireDr(replica: Instance): void {
    const primary = this.instances.primaryOf(replica);
    if (!primary || !this.isDr(replica))
      throw invalidOperation(`it is not the DR replica of ${primary?.name ?? "any"}`);
    if (this.instances.replicasOf(primary).length > 1) {
      throw invalidOperation("the embedded cloud does not let other replicas follow the new primary");
    }
  }

  private isDr(replica: Instance): boolean {
    const dr = this.instances.primaryOf(replica)?.replicationCluster?.failoverDrReplicaName;
    return dr === `${replica.project}:${replica.name}`;
  }
}
