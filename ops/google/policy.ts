/** A condition of a binding. */
export interface Condition {
  readonly title?: string;
  readonly description?: string;
  readonly expression: string;
}

/** One member of one role. */
export interface Membership {
  readonly role: string;
  readonly member: string;
  readonly condition?: Condition;
}

/** An IAM policy, as far as it is read here; what else it holds goes back as it came. */
export interface Policy {
  readonly etag?: string;
  readonly bindings?: readonly {
    readonly role: string;
    readonly members?: readonly string[];
    readonly condition?: Condition;
  }[];
}

/** How a policy differs from what it should be. */
export interface Difference {
  readonly missing: readonly Membership[];
  /** Memberships of ours that nothing needs, such as one whose condition is another. */
  readonly extra: readonly Membership[];
}

/**
 * @param wanted What our members should have.
 * @param isOurs Whether a member's memberships are all listed in `wanted`; those of others are left alone.
 */
export function compare(
  policy: Policy,
  wanted: readonly Membership[],
  isOurs: (member: string) => boolean,
): Difference {
  const held = memberships(policy);
  return {
    missing: wanted.filter((each) => !held.some((other) => same(each, other))),
    extra: held.filter((each) => isOurs(each.member) && !wanted.some((other) => same(each, other))),
  };
}

/** The policy with a difference mended, to be sent under the etag that it came with. */
export function mended(policy: Policy, { extra, missing }: Difference): Policy & { version: 3 } {
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
