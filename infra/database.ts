import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import type { Apis } from "./apis.ts";
import type { StackConfig } from "./config.ts";
import { type ConnectionName, formatConnectionName } from "./connection.ts";
import { declareInstances } from "./instances.ts";
import { DATABASE } from "./names.ts";
import type { Network } from "./network.ts";
import { type LoginName, passwordStep } from "./rotation.ts";

export interface DatabaseArgs {
  readonly apis: Apis;
  /** The network of the instance's private address; without it the address is public and only connectors are admitted. */
  readonly network: Network | undefined;
  readonly config: StackConfig;
  readonly labels: Readonly<Record<string, string>>;
}

/** A login of the service. */
export interface Login {
  readonly user: gcp.sql.User;
  /** Generated; a secret. */
  readonly password: pulumi.Output<string>;
}

/** The Cloud SQL instance with the settlement database and the logins of the service, and its replica in a second region. */
export class Database extends pulumi.ComponentResource {
  /**
   * `PROJECT-db-` and four random bytes, because the name of a deleted instance stays reserved for a week. Known before the
   * instance exists.
   */
  readonly plannedName: pulumi.Output<string>;
  /** The same in the second region; undefined without one. */
  readonly plannedReplica: pulumi.Output<string> | undefined;
  /** The one of these that takes writes. */
  readonly plannedPrimary: pulumi.Output<string>;
  /** The one that follows it; undefined if none does. */
  readonly plannedFollower: pulumi.Output<string> | undefined;
  /** The region of the primary. */
  readonly primaryRegion: string;
  /** Name of the primary, known once it exists. */
  readonly instanceName: pulumi.Output<string>;
  /** The parts of `connectionName`. */
  readonly connection: pulumi.Output<ConnectionName>;
  /** `PROJECT:REGION:INSTANCE`. */
  readonly connectionName: pulumi.Output<string>;
  /** Email of the service account of the instance in the stack's region, which reads the import scripts. */
  readonly serviceAccount: pulumi.Output<string>;
  /** The same of the instance in the second region; undefined without one. */
  readonly replicaAccount: pulumi.Output<string> | undefined;
  /** Name of the database; known when the database exists. */
  readonly databaseName: pulumi.Output<string>;
  /** The logins, by name. */
  readonly logins: Readonly<Record<LoginName, Login>>;

  constructor(name: string, args: DatabaseArgs) {
    super("settlement:infra:Database", name);
    const { apis, config, labels, network } = args;
    const { database, project, protect, region } = config;
    const options = { parent: this, protect };

    const suffix = new random.RandomId(`${name}-instance-suffix`, { byteLength: 4 }, options);
    this.plannedName = pulumi.interpolate`${project}-db-${suffix.hex}`;
    const { replica } = database;
    this.plannedReplica = replica && pulumi.interpolate`${this.plannedName}-${replica.region}`;
    this.primaryRegion = replica?.promoted ? replica.region : region;
    const names = { home: this.plannedName, away: this.plannedReplica };
    const instances = declareInstances(name, { apis, config, labels, names, network, options });
    const { away, home, primary: instance, replica: follower } = instances;
    const plannedOf = (one: gcp.sql.DatabaseInstance) =>
      this.plannedReplica && one === away ? this.plannedReplica : this.plannedName;
    this.plannedPrimary = plannedOf(instance);
    this.plannedFollower = follower && plannedOf(follower);
    const login = (userName: LoginName, suffix: string, before: readonly pulumi.Resource[] = []): Login => {
      const step = passwordStep(userName, config.rotation.step);
      const password = new random.RandomPassword(
        `${name}-password${suffix}`,
        { length: 25, special: false, ...(step > 0 && { keepers: { rotation: String(step) } }) },
        // Not protected: a rotation replaces it.
        { parent: this },
      ).result;
      const user = new gcp.sql.User(
        `${name}-user${suffix}`,
        { name: userName, instance: instance.name, password },
        { ...options, dependsOn: [...before] },
      );
      return { user, password };
    };
    const first = login("settlement_user", "");
    // Destroyed in reverse: PostgreSQL refuses to drop a role while a grant it made still exists.
    const second = login("settlement_user_b", "-b", [first.user]);
    this.logins = { settlement_user: first, settlement_user_b: second };
    const settlementDb = new gcp.sql.Database(
      `${name}-database`,
      { name: DATABASE, instance: instance.name },
      // Destroyed first: PostgreSQL refuses to drop a role that still owns tables.
      { ...options, dependsOn: Object.values(this.logins).map(({ user }) => user) },
    );

    this.instanceName = instance.name;
    const { primaryRegion } = this;
    this.connection = instance.name.apply((name) => ({ project, region: primaryRegion, instance: name }));
    this.connectionName = this.connection.apply(formatConnectionName);
    this.serviceAccount = home.serviceAccountEmailAddress;
    this.replicaAccount = away?.serviceAccountEmailAddress;
    this.databaseName = settlementDb.name;
    this.registerOutputs();
  }
}
