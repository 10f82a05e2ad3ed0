import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";

/** A settlement command that was accepted. */
export interface Accepted {
  readonly id: string;
  /** When, in milliseconds. */
  readonly at: number;
}

/** How long to wait before a command is sent again, in milliseconds. */
const PAUSE = 50;

/**
 * Sends a settlement command every 100 ms, each again until a service accepts it, at the first address that does. A command has
 * the same id each time.
 */
export class PersistentClient {
  private readonly pending: Promise<void>[] = [];
  private readonly timer: NodeJS.Timeout;
  private readonly aborted = new AbortController();
  /** In the order of their acceptance. */
  readonly accepted: Accepted[] = [];

  /**
   * @param urls The addresses of the service.
   * @param token Of a user who may call it.
   */
  constructor(urls: readonly string[], token: string) {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const post = async (url: string, id: string) => {
      const body = JSON.stringify({ command_id: id, workflow_id: "persistent", account_ref: "client" });
      const answer = fetch(`${url}/commands`, { method: "POST", headers, body, signal: this.aborted.signal });
      return (await answer.catch(() => undefined))?.status === 200;
    };
    const send = async (id: string) => {
      while (!this.aborted.signal.aborted) {
        for (const url of urls) {
          if (!(await post(url, id))) continue;
          this.accepted.push({ id, at: performance.now() });
          return;
        }
        await delay(PAUSE);
      }
    };
    const run = randomUUID(); // another client's commands are not taken for this one's
    this.timer = setInterval(() => this.pending.push(send(`${run}-${this.pending.length}`)), 100);
  }

  get sent(): number {
    return this.pending.length;
  }

  /** The longest time without an accepted command, in milliseconds. */
  get longestGap(): number {
    return Math.max(0, ...this.accepted.slice(1).map(({ at }, index) => at - (this.accepted[index]?.at ?? at)));
  }

  /** Sends no further command, and waits until each is accepted. */
  async finish(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all(this.pending);
  }

  /** Stops at once. */
  async stop(): Promise<void> {
    this.aborted.abort();
    await this.finish();
  }
}
