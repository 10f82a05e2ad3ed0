import type { Topics } from "./data.ts";

type Listener = (topic: keyof Topics, json: string) => void;

/** The newest value of each topic, and the pages that follow them. */
export class Board {
  private readonly values = new Map<keyof Topics, Topics[keyof Topics]>();
  private readonly sent = new Map<keyof Topics, string>();
  private readonly listeners = new Set<Listener>();
  private readonly blank: (text: string) => string;
  private readonly onWatched: () => void;

  /**
   * @param blank Replaces secrets in a text; everything that leaves the server passes it.
   * @param onWatched Called when a page begins to follow.
   */
  constructor(blank: (text: string) => string, onWatched: () => void) {
    this.blank = blank;
    this.onWatched = onWatched;
  }

  /** Whether a page follows. */
  get watched(): boolean {
    return this.listeners.size > 0;
  }

  /** Undefined before the first {@link set}. */
  get<T extends keyof Topics>(topic: T): Topics[T] | undefined {
    return this.values.get(topic) as Topics[T] | undefined;
  }

  /** Replaces a value; an equal one is not sent again. */
  set<T extends keyof Topics>(topic: T, value: Topics[T]): void {
    this.values.set(topic, value);
    const json = this.toJson(value);
    if (this.sent.get(topic) === json) return;
    this.sent.set(topic, json);
    for (const listener of this.listeners) listener(topic, json);
  }

  /** A value as JSON, without secrets. */
  toJson(value: unknown): string {
    return this.blank(JSON.stringify(value ?? null));
  }

  /**
   * Calls back with every value at once, and with each new one.
   * @returns Ends it.
   */
  follow(listener: Listener): () => void {
    for (const [topic, json] of this.sent) listener(topic, json);
    this.listeners.add(listener);
    this.onWatched();
    return () => {
      this.listeners.delete(listener);
    };
  }
}
