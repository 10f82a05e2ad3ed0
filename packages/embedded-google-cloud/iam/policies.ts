import { createHash } from "node:crypto";
import { GoogleError } from "../rest/errors.ts";
import type { Collection, Store } from "../state/store.ts";

/** An IAM policy, version 3. */
export interface Policy {
  version: number;
  etag: string;
  bindings: Binding[];
  /** Stored and returned; nothing is logged. */
  auditConfigs?: unknown[];
}

export interface Binding {
  role: string;
  members: string[];
  condition?: Condition;
}

/** https://cloud.google.com/iam/docs/conditions-overview */
export interface Condition {
  title: string;
  description?: string;
  expression: string;
}

/** Google's etag of a policy that was never set. */
const EMPTY_ETAG = "ACAB";

/** All allow policies, by full resource name such as `//secretmanager.googleapis.com/projects/P/secrets/S`. */
export class Policies {
  private readonly policies: Collection<Policy>;
  /** Policies replaced with a delay, oldest first. */
  private readonly former = new Map<string, { readonly policy: Policy; readonly replaced: number }[]>();

  constructor(store: Store) {
    this.policies = store.collection("iam-policies");
  }

  /** The policy of a resource; empty if none was set. */
  get(resource: string): Policy {
    return this.policies.get(resource) ?? { version: 1, etag: EMPTY_ETAG, bindings: [] };
  }

  /** The policy that decides: one that was replaced decides for as long as new ones are delayed, in milliseconds. */
  deciding(resource: string, delay: number): Policy {
    const held = this.former.get(resource)?.find(({ replaced }) => replaced + delay > performance.now());
    return held?.policy ?? this.get(resource);
  }

  /** Keeps a policy that was just replaced, see {@link deciding}. */
  keepFormer(resource: string, policy: Policy): void {
    const entry = { policy, replaced: performance.now() };
    this.former.set(resource, [...(this.former.get(resource) ?? []), entry]);
  }

  /**
   * Replaces a policy.
   * @param next What the client sent; its etag, if any, must be the current one.
   * @throws GoogleError ABORTED if the policy has changed since the client read it.
   */
  set(resource: string, next: Partial<Policy>): Policy {
    const current = this.get(resource);
    if (next.etag !== undefined && !isSame(next.etag, current.etag)) {
      throw new GoogleError(
        "ABORTED",
        "There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff.",
      );
    }
    const bindings = merged(next.bindings ?? []).filter((binding) => binding.members.length > 0);
    const version = bindings.some((binding) => binding.condition) ? 3 : 1;
    if (version === 3 && next.version !== 3) {
      throw new GoogleError("INVALID_ARGUMENT", "A policy with conditions must be set with version 3.");
    }
    const { auditConfigs } = next;
    return this.policies.put(resource, {
      version,
      etag: etag(current, bindings),
      bindings,
      ...(auditConfigs && { auditConfigs }),
    });
  }

  /** Renames a member in every policy: a deleted service account stays, marked as deleted. */
  renameMember(member: string, replacement: string): void {
    for (const resource of this.policies.keys()) {
      const policy = this.get(resource);
      if (!policy.bindings.some((binding) => binding.members.includes(member))) continue;
      const bindings = policy.bindings.map((binding) => ({
        ...binding,
        members: binding.members.map((each) => (each === member ? replacement : each)),
      }));
      this.policies.put(resource, { ...policy, bindings, etag: etag(policy, bindings) });
    }
  }

  /** Deletes the policy of a deleted resource. */
  delete(resource: string): void {
    this.policies.delete(resource);
    this.former.delete(resource);
  }
}

/** Etags are bytes: clients may write them with another alphabet of Base64, or without padding. */
function isSame(one: string, other: string): boolean {
  return Buffer.from(one, "base64").equals(Buffer.from(other, "base64"));
}

/** One binding for each role and condition. */
function merged(bindings: readonly Binding[]): Binding[] {
  const same = Map.groupBy(bindings, ({ condition: { title, description = "", expression } = {}, role }) =>
    JSON.stringify([role, title, description, expression]),
  );
  return [...same.values()].flatMap((group) =>
    group.slice(0, 1).map((first) => ({ ...first, members: [...new Set(group.flatMap(({ members }) => members))] })),
  );
}

function etag(previous: Policy, bindings: Binding[]): string {
  const digest = createHash("sha256").update(previous.etag).update(JSON.stringify(bindings)).digest();
  // Google's etags begin with the same byte.
  return Buffer.concat([Buffer.of(7), digest.subarray(0, 7)]).toString("base64");
}
