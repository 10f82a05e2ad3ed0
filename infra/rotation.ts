import { LOGINS } from "./names.ts";

/**
 * Two logins take turns, because a PostgreSQL role has one password and a revision keeps the one it started with. A number,
 * the step, says where rotation stands: odd while the old login still works, otherwise even. Each step changes the password
 * of one login; see docs/ROTATION.md.
 */

/** A login of the service. */
export type LoginName = (typeof LOGINS)[number];

/** The login of a credential. @param credential Its number; 0 is the first one of the stack. */
export function loginOf(credential: number): LoginName {
  return LOGINS[credential % 2] ?? LOGINS[0];
}

/** The credentials that are valid at a step, newest first: two while a rotation is in progress, otherwise one. */
export function validCredentials(step: number): readonly [number, ...number[]] {
  const current = Math.ceil(step / 2);
  return step % 2 === 0 ? [current] : [current, current - 1];
}

/** Logical name of the secret version that holds a credential. @param secret Logical name of the secret. */
export function versionName(secret: string, credential: number): string {
  return `${secret}-version${credential === 0 ? "" : `-${credential}`}`;
}

/** The credential in a secret version, by the version's logical name; undefined if the name has another form. */
export function credentialOf(name: string): number | undefined {
  const [match, number = "0"] = /-version(?:-([1-9]\d*))?$/.exec(name) ?? [];
  return match === undefined ? undefined : Number(number);
}

/** The login whose password a step changes; steps count from 1. */
export function changedLogin(step: number): LoginName {
  // 1: b gets a new password. 2: a's old password is revoked. 3: a gets a new one. 4: b's old password is revoked.
  return loginOf(Math.floor(step / 2) + 1);
}

/** The step that set the password a login has at the given step; 0 for its first password. */
export function passwordStep(login: LoginName, step: number): number {
  let at = step;
  while (at > 0 && changedLogin(at) !== login) at -= 1;
  return at;
}
