import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { parseConnectionName } from "../../infra/connection.ts";
import type { Google } from "../../infra/google.ts";
import { outputsOf, readState, type State } from "../engine/state.ts";
import { UserError } from "../terminal/user-error.ts";
import { answered } from "./lost-region.ts";

/** One of a stack's two instances, as Cloud SQL has it. */
export interface Side {
  readonly name: string;
  readonly region: string;
  /** URN of its resource. */
  readonly urn: string;
  /** Name of the instance that it replicates; undefined if it takes writes itself. */
  readonly follows: string | undefined;
  /** Whether it is designated for a switchover. */
  readonly designated: boolean;
  /** Whether it runs; undefined if Cloud SQL does not answer about it. */
  readonly runs: boolean | undefined;
}

/** The instances of a stack with a replica. */
export interface Pair {
  readonly project: string;
  readonly sides: readonly [Side, Side];
  /** The stack's state. */
  readonly state: State;
}

/** The resources of the instances, by logical name. */
const RESOURCES = ["settlement-instance", "settlement-replica"] as const;

/**
 * Reads a stack's instances.
 * @param probe Retries for as long as an answer is worth waiting for.
 * @throws UserError if the stack has not both instances, or one does not exist.
 */
export async function readPair(stack: Stack, probe: Google): Promise<Pair> {
  const state = await readState(stack);
  const deployed = parseConnectionName(outputsOf(state).connectionName ?? "");
  if (!deployed.ok) throw new UserError(`Stack "${stack.name}" is not deployed: npm run up -- --stack ${stack.name}`);
  const { project } = deployed.value;
  const { resources = [] } = state.deployment;
  const find = async (logical: (typeof RESOURCES)[number]): Promise<Side> => {
    const found = resources.find(({ urn }) => urn.endsWith(`DatabaseInstance::${logical}`));
    const { name, region } = found?.outputs ?? {};
    if (!found || name === undefined || region === undefined) {
      throw new UserError(`Stack "${stack.name}" has no ${logical} yet: npm run up -- --stack ${stack.name}`);
    }
    type Instance = gapi.client.sql.DatabaseInstance;
    const read = await answered(probe.find<Instance>({ api: "sql", path: `projects/${project}/instances/${name}` }));
    const side = { name, region, urn: found.urn };
    if (!read) return { ...side, follows: undefined, designated: false, runs: undefined };
    const { answer: live } = read;
    if (!live) throw new UserError(`The instance ${name} of ${stack.name} does not exist.`);
    return {
      ...side,
      follows: live.masterInstanceName?.split(":").at(-1),
      designated: live.replicationCluster?.drReplica === true,
      runs: live.state === "RUNNABLE" && live.settings?.activationPolicy !== "NEVER",
    };
  };
  return { project, sides: await Promise.all([find(RESOURCES[0]), find(RESOURCES[1])]), state };
}

/**
 * How many seconds a replica is behind its primary, as Cloud Monitoring measured it last, in the last five minutes.
 * https://cloud.google.com/sql/docs/postgres/replication/replication-lag
 * @returns Undefined if it measured nothing, as with a replica that does not run.
 */
export async function lagOf(google: Google, project: string, name: string): Promise<number | undefined> {
  const now = Date.now();
  const query = new URLSearchParams({
    filter: [
      'metric.type="cloudsql.googleapis.com/database/replication/replica_lag"',
      `resource.labels.database_id="${project}:${name}"`,
    ].join(" AND "),
    "interval.startTime": new Date(now - 5 * 60_000).toISOString(),
    "interval.endTime": new Date(now).toISOString(),
  });
  const path = `v3/projects/${project}/timeSeries?${query.toString()}`;
  const answer = await google.call<gapi.client.monitoring.ListTimeSeriesResponse>({ api: "monitoring", path });
  const { doubleValue, int64Value } = answer.timeSeries?.[0]?.points?.[0]?.value ?? {};
  return doubleValue ?? (int64Value === undefined ? undefined : Number(int64Value));
}
