import { z } from "zod";
import type { Resource } from "../model/resource.ts";

/** The setting that every policy has: violations accepted until a given day, and why. */
export const exceptions = {
  exceptions: z
    .array(
      z.object({
        resource: z.string().min(1).describe("Name or URN of the resource"),
        reason: z.string().min(10).describe("Why it is accepted"),
        until: z.iso.date().describe("The last day on which it is accepted, such as 2026-12-31"),
      }),
    )
    .default([])
    .describe("Violations accepted until a given day"),
};

/** A resource that may violate a policy until a given day. */
export type Exception = z.output<typeof exceptions.exceptions>[number];

/** The exception for a resource, if any. */
export function find(
  accepted: readonly Exception[],
  { name, urn }: Pick<Resource, "name" | "urn">,
): Exception | undefined {
  return accepted.find(({ resource }) => resource === name || resource === urn);
}

/** Whether the exception's last day (UTC) has passed. */
export function hasEnded({ until }: Exception): boolean {
  return new Date().toISOString().slice(0, 10) > until;
}
