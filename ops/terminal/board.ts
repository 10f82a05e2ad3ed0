import { columns, paint, type Screen, screenOf } from "./screen.ts";

/** A terminal that can rewrite its last lines. */
type Terminal = Pick<NodeJS.WriteStream, "columns" | "hasColors" | "isTTY" | "rows" | "write">;

/** One line: a part of the work. */
interface Line {
  readonly name: string;
  readonly began: number;
  detail: string;
  /** Undefined while it runs. */
  ended: { readonly at: number; readonly isOk: boolean } | undefined;
}

/** Whether a stream is a terminal that moves its cursor. */
export function isLive({ isTTY }: Pick<Terminal, "isTTY"> = process.stdout): boolean {
  return isTTY && process.env.TERM !== "dumb";
}

/** Lines at the end of a terminal that fill in: one for each part of the work, with its time. */
export class Board {
  private readonly lines = new Map<string, Line>();
  private readonly terminal: Terminal;
  private readonly timer: NodeJS.Timeout;
  private drawn = 0;

  /** @param terminal For which {@link isLive} holds. */
  constructor(terminal: Terminal = process.stdout) {
    this.terminal = terminal;
    this.timer = setInterval(() => {
      this.draw();
    }, 1000).unref();
  }

  /**
   * Says how far a part is, and adds a line for a new one. A part that has ended runs again.
   * @param detail What is done so far, such as `3 of 5`.
   */
  run(name: string, detail = ""): void {
    const line = this.lines.get(name) ?? { name, began: performance.now(), detail, ended: undefined };
    this.lines.set(name, Object.assign(line, { detail, ended: undefined }));
    this.draw();
  }

  /** Ends a part, or all that run. @param detail What was done; unchanged by default. */
  end(name?: string, isOk = true, detail?: string): void {
    for (const line of this.lines.values()) {
      if (line.ended || (name ?? line.name) !== line.name) continue;
      line.ended = { at: performance.now(), isOk };
      line.detail = detail ?? line.detail;
    }
    this.draw();
  }

  /** Prints lines above. */
  say(text: string): void {
    this.clear();
    this.terminal.write(`${text}\n`);
    this.draw();
  }

  /** Leaves the lines as they are, because something else was printed, and goes on below. */
  leave(): void {
    this.drawn = 0;
  }

  /** Draws the lines for the last time. */
  close(): void {
    clearInterval(this.timer);
    this.draw();
    this.leave();
  }

  private clear(): void {
    // Up to the first line, and clear from there: https://en.wikipedia.org/wiki/ANSI_escape_code#CSI
    if (this.drawn > 0) this.terminal.write(`\u001b[${this.drawn}A\u001b[J`);
    this.drawn = 0;
  }

  private draw(): void {
    const screen = screenOf(this.terminal);
    // Lines above the screen cannot be rewritten.
    const lines = [...this.lines.values()].slice(-Math.max(1, (this.terminal.rows || 24) - 1));
    this.clear();
    for (const line of lines) this.terminal.write(`${shown(line, screen)}\n`);
    this.drawn = lines.length;
  }
}

function shown({ began, detail, ended, name }: Line, screen: Screen): string {
  const seconds = Math.round(((ended?.at ?? performance.now()) - began) / 1000);
  const mark = ended === undefined ? "…" : paint(screen, ended.isOk ? "green" : "red", ended.isOk ? "✓" : "✗");
  const text = `${name.padEnd(14)}  ${`${seconds} s`.padStart(6)}  ${detail}`;
  // A longer line would take two.
  return `${mark} ${text.slice(0, Math.max(0, screen.width - 3)).trimEnd()}`;
}

/**
 * Frames lines, if they fit the screen; otherwise they are returned as they are, so that addresses can be copied.
 * @param width Columns of the screen.
 */
export function box(lines: readonly string[], width: number): string {
  const widest = Math.max(...lines.map(columns));
  if (widest + 4 > width) return lines.join("\n");
  const rule = "─".repeat(widest + 2);
  const framed = lines.map((line) => `│ ${line}${" ".repeat(widest - columns(line))} │`);
  return [`╭${rule}╮`, ...framed, `╰${rule}╯`].join("\n");
}
