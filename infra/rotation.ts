import { LOGINS } from "./names.ts";

/**
 * Two logins take turns, because a PostgreSQL role has one password and a revision keeps the one it started with. The
 * whole of a rotation is one number, the step: odd while the former login still works, even at rest. Each step changes
 * the password of one login, and docs/ROTATION.md says what else happens.
 */

/** A login of the service. */
export type LoginName = (typeof LOGINS)[number];

/** The login of a credential. @param credential Counted from 0: the first one a stack ever had. */
export function loginOf(credential: number): LoginName {
  return LOGINS[credential % 2] ?? LOGINS[0];
}

/** The credentials that are valid at a step, the newest first: two while a rotation is under way, and one at rest. */
export function validCredentials(step: number): readonly [number, ...number[]] {
  const current = Math.ceil(step / 2);
  return step % 2 === 0 ? [current] : [current, current - 1];
}

/** Logical name of a secret's version that holds a credential. @param secret Logical name of the secret. */
export function versionName(secret: string, credential: number): string {
  return `${secret}-version${credential === 0 ? "" : `-${credential}`}`;
}

/** The credential that a version holds, by the version's logical name. */
export function credentialOf(name: string): number | undefined {
  const [match, number = "0"] = /-version(?:-([1-9]\d*))?$/.exec(name) ?? [];
  return match === undefined ? undefined : Number(number);
}

/** The login whose password a step changes; steps count from 1. */
export function changedLogin(step: number): LoginName {
  // 1: b gets a new password and works. 2: what a had is refused. 3: a works. 4: what b had is refused.
  return loginOf(Math.floor(step / 2) + 1);
}

/** The step that gave a login the password it has at a later one; 0 where it has had no other. */
export function passwordStep(login: LoginName, step: number): number {
  let at = step;
  while (at > 0 && changedLogin(at) !== login) at -= 1;
  return at;
}
