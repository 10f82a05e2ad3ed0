import { spawnSync } from "node:child_process";
import { Board, box, isLive } from "../../../ops/terminal/board.ts";
import { onBoard } from "../../../ops/update/components.ts";
import { ROOT } from "../../../ops/engine/stack-file.ts";

/** What a terminal shows in the end. */
function screenAfter(output: string): string[] {
  const rows: string[] = [];
  let row = 0;
  for (const [token] of output.replaceAll("\u001b", "␛").matchAll(/␛\[[\d;]*[A-Za-z]|\r?\n|[^␛\r\n]+/g)) {
    const up = /^␛\[(\d+)A$/.exec(token)?.[1];
    if (up !== undefined) row -= Number(up);
    else if (token === "␛[J") rows.length = row;
    else if (token.endsWith("\n")) row++;
    else if (!token.startsWith("␛")) rows[row] = (rows[row] ?? "") + token;
  }
  return rows;
}

/** A step of the engine on a resource of a component. */
const step = (event: "resourcePreEvent" | "resOutputsEvent" | "resOpFailedEvent", path: string, op = "create") =>
  ({ [event]: { metadata: { op, urn: `urn:pulumi:local::settlement::settlement:infra:${path}` } } }) as never;

describe("the board", () => {
  function shown(work: (board: Board) => void, { columns = 60, rows = 24 } = {}) {
    let output = "";
    const terminal = {
      isTTY: true,
      columns,
      rows,
      hasColors: () => false,
      write: (text: string) => ((output += text), true),
    };
    const board = new Board(terminal);
    work(board);
    board.close();
    return { output, screen: screenAfter(output) };
  }

  test("has a line for each component, which fills in", () => {
    const { screen } = shown((board) => {
      const see = onBoard(board);
      see(step("resourcePreEvent", "Apis$gcp:projects/service:Service::a"));
      see(step("resourcePreEvent", "Database$gcp:sql/user:User::u", "update"));
      see(step("resourcePreEvent", "Database$gcp:sql/user:User::v"));
      see(step("resOutputsEvent", "Apis$gcp:projects/service:Service::a", "same"));
      see(step("resOutputsEvent", "Database$gcp:sql/user:User::u", "update"));
      see({
        diagnosticEvent: { severity: "warning", message: "<{%fg 3%}>careful\n<{%reset%}>", color: "never" },
      } as never);
      see({
        resourcePreEvent: { metadata: { op: "create", urn: "urn:pulumi:local::settlement::pulumi:pulumi:Stack::s" } },
      } as never);
      see(step("resourcePreEvent", "Service$gcp:cloudrunv2/service:Service::s"));
      see(step("resOpFailedEvent", "Service$gcp:cloudrunv2/service:Service::s"));
    });
    expect(screen).toEqual([
      "careful",
      "✓ APIs               0 s  unchanged",
      "… Database           0 s  1 changed",
      "✗ Service            0 s  failed",
    ]);
  });

  test("keeps its lines within the screen", () => {
    const names = ["one", "two", "three", "four"];
    const { output, screen } = shown(
      (board) => {
        for (const name of names) board.run(name, "a detail that is longer than the line");
        board.end();
      },
      { columns: 40, rows: 4 },
    );
    expect(screen.slice(-3).map((line) => line.slice(0, 8))).toEqual(["✓ two   ", "✓ three ", "✓ four  "]);
    for (const line of screen) expect(line.length).toBeLessThan(40);
    expect(output.replaceAll("\u001b", "␛")).not.toMatch(/␛\[[4-9]A/);
  });

  test("goes on below what something else printed", () => {
    const { screen } = shown((board) => {
      board.run("Preview");
      board.leave();
      board.end(undefined, false);
    });
    expect(screen.map((line) => line.trimEnd())).toEqual(["… Preview            0 s", "✗ Preview            0 s"]);
  });
});

test("a box frames lines that fit, and leaves others as they are", () => {
  expect(box(["a", "bcd"], 7)).toBe("╭─────╮\n│ a   │\n│ bcd │\n╰─────╯");
  expect(box(["a", "bcd"], 6)).toBe("a\nbcd");
});

/** util-linux has another `script` than macOS. */
const hasScript = String(spawnSync("script", ["--version"]).stdout).includes("util-linux");

(hasScript ? describe : describe.skip)("on a pseudo terminal", () => {
  const program = `
    const { Board, isLive } = require("./ops/terminal/board.ts");
    if (!isLive()) console.log("a log");
    else { const board = new Board(); board.run("Database"); board.run("Service"); board.end(); board.close(); }
  `;
  const run = (variables: string) => {
    // Of the environment of the tests, CI and FORCE_COLOR would decide on colours too.
    const command = `env -i ${variables} ${process.execPath} -e '${program.replaceAll("\n", " ")}'`;
    return spawnSync("script", ["-qec", command, "/dev/null"], { cwd: ROOT, encoding: "utf8" }).stdout;
  };

  test.each([
    ["NO_COLOR= TERM=xterm-256color", true],
    ["NO_COLOR=1 TERM=xterm-256color", false],
  ])("with %s the lines are rewritten, in colour: %p", (variables, isColoured) => {
    const output = run(variables);
    expect(output.includes("\u001b[32m")).toBe(isColoured);
    expect(screenAfter(output)).toEqual(["✓ Database           0 s", "✓ Service            0 s"]);
  });

  test("with TERM=dumb there is only the log", () => {
    expect(run("TERM=dumb")).toBe("a log\r\n");
  });
});

test("a pipe gets the log", () => {
  expect(isLive({ isTTY: false })).toBe(false);
});
