import { UserError } from "../terminal/user-error.ts";
import type { Target } from "./target.ts";

/**
 * Locations of several regions, by the first part of a region's name: of buckets and of keys.
 * https://cloud.google.com/storage/docs/locations, https://cloud.google.com/kms/docs/locations
 */
const AROUND: Readonly<Record<string, { readonly bucket: string; readonly key: string }>> = {
  us: { bucket: "us", key: "us" },
  europe: { bucket: "eu", key: "europe" },
  asia: { bucket: "asia", key: "asia" },
};

/** Where a stack's state is created: in its region, or around it if the stack must outlive that region. */
export function stateLocation({ config: { database, region } }: Target): string {
  return (database.replica && around(region)?.bucket) ?? region;
}

/**
 * Holds state and key against what a failover needs when the stack's region is lost.
 * @param location That of the state's bucket, if it exists.
 * @throws UserError if the stack has a replica in a second region, and one of them is in the first.
 */
export function requireOutliving({ bucket, config, key, stack }: Target, location: string | undefined): void {
  const { database, project, region } = config;
  const elsewhere = database.replica && around(region);
  if (!elsewhere) return;
  const why = `A failover from ${region} would not be possible without it:`;
  if (location?.toLowerCase() === region) {
    const relocate = `gcloud storage buckets relocate gs://${bucket} --location=${elsewhere.bucket} --project=${project}`;
    throw new UserError(`The state's bucket gs://${bucket} is in ${region}. ${why} ${relocate}`);
  }
  if (key.location === region) {
    const other = `gcpkms://projects/${key.project}/locations/${elsewhere.key}/keyRings/${key.ring}/cryptoKeys/${key.name}`;
    const change = `name ${other} in Pulumi.${stack}.yaml, or for a state that exists, create it and run pulumi stack change-secrets-provider ${other}`;
    throw new UserError(`The key ${key.name} is in ${region}. ${why} ${change}`);
  }
}

function around(region: string) {
  return AROUND[/^[a-z]+/.exec(region)?.[0] ?? ""];
}
