import { type Call, type Google, GoogleError, PROPAGATION, repeat, type Sent } from "../../infra/google.ts";

/** A condition of a binding. */
export type Condition = Sent<gapi.client.cloudresourcemanager.Expr, "expression">;

/** A role and its members. */
export type Binding = Omit<gapi.client.cloudresourcemanager.Binding, "condition" | "role"> & {
  readonly role: string;
  readonly condition?: Condition;
};

/** An IAM policy, the same in every API. */
export type Policy = Omit<gapi.client.cloudresourcemanager.Policy, "bindings"> & { readonly bindings?: Binding[] };

/** One member of one role. */
export interface Membership {
  readonly role: string;
  readonly member: string;
  readonly condition?: Condition;
}

/** The roles that our members should have on a resource. */
export interface Wanted {
  readonly read: Call;
  readonly write: (policy: Policy) => Call;
  readonly memberships: readonly Membership[];
  /** Members whose other roles are removed; those of everyone else are left alone. */
  readonly isOurs: (member: string) => boolean;
}

/** How a policy differs from what it should be. */
interface Difference {
  readonly missing: readonly Membership[];
  /** Memberships of ours that are not wanted, such as one with another condition. */
  readonly extra: readonly Membership[];
}

/** How a policy differs from what it should be; everything is missing if the resource does not exist. */
export async function differenceOf(google: Google, wanted: Wanted): Promise<Difference> {
  return compare((await google.find<Policy>(wanted.read)) ?? {}, wanted);
}

/** Makes a policy what it should be; reads it again after a concurrent change, which the etag detects. */
export async function repair(google: Google, wanted: Wanted): Promise<void> {
  await repeat(async () => {
    const policy = await google.call<Policy>(wanted.read);
    const difference = compare(policy, wanted);
    if (difference.missing.length + difference.extra.length === 0) return;
    await google.call(wanted.write(repaired(policy, difference)));
  }, unsettled);
}

/** How long to retry: the resource or a member may be too new, or the policy may be changed concurrently. */
function unsettled({ busy, message, missing, status = 0 }: GoogleError): number {
  const unknownMember = status === 400 && /service account .* does not exist/i.test(message);
  return busy || missing || unknownMember || [409, 412].includes(status) ? PROPAGATION : 0;
}

function compare(policy: Policy, { isOurs, memberships: wanted }: Wanted): Difference {
  const current = memberships(policy);
  return {
    missing: wanted.filter((each) => !current.some((other) => same(each, other))),
    extra: current.filter((each) => isOurs(each.member) && !wanted.some((other) => same(each, other))),
  };
}

function repaired(policy: Policy, { extra, missing }: Difference): Policy {
  const kept = (policy.bindings ?? []).map((binding) => ({
    ...binding,
    members: (binding.members ?? []).filter((member) => !extra.some((each) => same(each, { ...binding, member }))),
  }));
  const added = missing.map(({ member, ...binding }) => ({ ...binding, members: [member] }));
  return { ...policy, bindings: [...kept, ...added].filter(({ members }) => members.length > 0), version: 3 };
}

function memberships({ bindings = [] }: Policy): Membership[] {
  return bindings.flatMap(({ role, members = [], condition }) =>
    members.map((member) => ({ role, member, ...(condition && { condition }) })),
  );
}

function same(one: Membership, other: Membership): boolean {
  return (
    one.role === other.role && one.member === other.member && one.condition?.expression === other.condition?.expression
  );
}
