import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../../ops/engine/stack-file.ts";

/** Runs Node.js with a standard input that is not a terminal. */
function node(args: readonly string[], input?: string) {
  const options = { cwd: ROOT, encoding: "utf8", timeout: 60_000 } as const;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    args,
    input === undefined ? { ...options, stdio: ["ignore", "pipe", "pipe"] } : { ...options, input },
  );
  return { status, output: stderr + stdout };
}

describe("without a terminal and without --yes", () => {
  const changing = [
    "ops/up.ts --stack prod",
    "ops/up.ts --stack local --take-over",
    "ops/rotate.ts --stack prod",
    "ops/failover.ts --stack prod",
    "ops/load.ts --stack prod --rate 10",
    "ops/bootstrap.ts --stack prod --repository owner/name",
    "ops/contract.ts --target google --project somewhere",
    "ops/migration.ts repair --stack prod --version 20251025120000 --why test",
    "ops/migration.ts squash --to 20251025120100",
    "ops/migration.ts rollback --stack prod",
    "ops/migration.ts restore --stack prod --backup 1",
  ];

  test.each(changing)("%s stops immediately and says why", (command) => {
    expect(node(command.split(" "))).toEqual({
      status: 1,
      output: "Nothing was changed: there is no terminal to confirm on. Add --yes to proceed without asking.\n",
    });
  });

  test("no other command takes --yes", () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
      scripts: Record<string, string>;
    };
    const files = Object.values(scripts).flatMap((script) => / (ops\/[\w-]+\.ts)$/.exec(script)?.[1] ?? []);
    const asking = files.filter((file) => readFileSync(join(ROOT, file), "utf8").includes("--yes"));
    expect(asking.sort()).toEqual([...new Set(changing.map((command) => command.split(" ")[0]))].sort());
  });

  test("pipelines pass --yes", () => {
    const pipelines = ["cloudbuild.yaml", ".github/workflows/deliver.yml", ".github/workflows/nightly.yml"];
    for (const file of pipelines) {
      const lines = readFileSync(join(ROOT, file), "utf8").split("\n");
      const changes = lines.filter((line) =>
        /\brun,? (up|rotate|bootstrap|migration,?.*(rollback|restore))\b/.test(line),
      );
      expect(changes.filter((line) => !line.includes("--yes"))).toEqual([]);
    }
  });
});

describe("on a terminal", () => {
  const asked = `
    Object.defineProperty(process.stdin, "isTTY", { value: true });
    require("./ops/terminal/consent.ts").consent()("Update prod?").then((answer) => console.log(answer));
  `;

  test.each([
    ["y\n", true],
    ["YES\n", true],
    ["n\n", false],
    ["\n", false],
    ["yesterday\n", false],
    ["", false],
  ])("the answer %j is %p", (input, answer) => {
    const { status, output } = node(["--eval", asked], input);
    expect(status).toBe(0);
    expect(output).toMatch(new RegExp(`^Update prod\\? \\[y/N\\] \\s*${answer}\n$`));
  });
});
