import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Google, GoogleError } from "../../infra/google.ts";
import { PROJECT, SERVICE } from "../../infra/names.ts";
import { configOf } from "../../policies/config.ts";
import { policies } from "../../policies/pack.ts";
import type { StateResource } from "../engine/state.ts";
import type { Change } from "../preview/model.ts";
import { UserError } from "../terminal/user-error.ts";

/** The properties that say where a resource is: those of Cloud SQL and Compute Engine, and those of Cloud Run and Cloud Storage. */
const PLACES = ["region", "location"] as const;

/** In milliseconds. */
const DAY = 24 * 3_600_000;

/** What is stored in the bucket of the stack's region, or read from it. */
const FROM_BUCKET = ["gcp:storage/bucketObject:BucketObject", "pulumi-nodejs:dynamic/settlement:ImportedSchema"];

/** An answer of Google, or undefined if there was none in time. */
export async function answered<T>(read: Promise<T>): Promise<{ readonly answer: T } | undefined> {
  try {
    return { answer: await read };
  } catch (error) {
    if (error instanceof GoogleError && (error.busy || error.status === undefined)) return undefined;
    throw error;
  }
}

/**
 * Whether Cloud Run answers in a region.
 * @param probe Retries for as long as an answer is worth waiting for.
 */
export async function answersIn(region: string, project: string, probe: Google): Promise<boolean> {
  const path = `projects/${project}/locations/${region}/services/${SERVICE}`;
  return (await answered(probe.find({ api: "cloudRunV2", path }))) !== undefined;
}

/** The resources of a state that are in a region. Others are global, or in another. */
export function resourcesIn(region: string, resources: readonly StateResource[]): StateResource[] {
  return resources.filter(
    ({ outputs = {}, type }) =>
      type.startsWith("gcp:") && PLACES.some((place) => outputs[place]?.toLowerCase() === region),
  );
}

/**
 * Writes a stack's settings of the policies with an exception for each resource that stays as it is: an update that leaves it out
 * cannot put it right.
 * @param folder Gets the file.
 * @returns Its path.
 */
export function policySettings(stack: string, urns: readonly string[], folder: string): string {
  const configured = configOf(PROJECT, stack);
  const until = new Date(Date.now() + DAY).toISOString().slice(0, 10);
  const added = urns.map((resource) => ({ resource, reason: "Its region does not answer.", until }));
  const entries = policies.map(({ level, name }) => {
    const { exceptions = [], ...own } = (configured[name] ?? { enforcementLevel: level }) as { exceptions?: object[] };
    return [name, { ...own, exceptions: [...exceptions, ...added] }];
  });
  const path = join(folder, "policies.json");
  writeFileSync(path, JSON.stringify(Object.fromEntries(entries)));
  return path;
}

/** @throws UserError if an update would import migrations, from a bucket in a region that does not answer. */
export function requireNoImport(changes: readonly Change[], region: string): void {
  const pending = changes.filter(({ type }) => FROM_BUCKET.includes(type)).map(({ name }) => name);
  if (pending.length === 0) return;
  throw new UserError(
    `${pending.join(", ")} cannot be changed, because the bucket of the migrations is in ${region}, which does not answer. ` +
      "Check out the commit that was deployed last, and run this again. Nothing was changed.",
  );
}
