/**
 * Whether a host answers over HTTPS at all. Costs no more than the time given, so that a machine without internet is
 * told apart quickly from one with it.
 * @param url Any address of the host.
 * @param milliseconds How long to wait for an answer.
 */
export async function isReachable(url: string, milliseconds = 1500): Promise<boolean> {
  try {
    await fetch(url, { method: "HEAD", redirect: "manual", signal: AbortSignal.timeout(milliseconds) });
    return true;
  } catch {
    return false;
  }
}
