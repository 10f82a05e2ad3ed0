import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../../ops/engine/stack-file.ts";
import { keptByNpm } from "../../../ops/terminal/kept-by-npm.ts";

const HELP = `npm run any -- --stack STACK [OPTIONS]

  --stack STACK             local or prod
  --repository OWNER/NAME   a repository
  --take-over               import
  --providers P             official
  --json                    print JSON

The project needs:
  gcloud artifacts repositories create settlement --location=R --tag=T
`;

/** As npm 10 and 11 set it: `npm_config_yes` is empty unless it is given. */
const env = (script: string, kept: Record<string, string>) => ({
  npm_lifecycle_event: script,
  npm_config_yes: "",
  ...Object.fromEntries(Object.entries(kept).map(([name, value]) => [`npm_config_${name}`, value])),
});

test.each([
  ["start", { take_over: "true" }, [], "--take-over", "npm start -- --take-over"],
  ["up", { stack: "true" }, ["local"], "--stack", "npm run up -- --stack local"],
  ["up", { stack: "prod" }, [], "--stack", "npm run up -- --stack prod"],
  ["up", { stack: "true" }, [], "--stack", "npm run up -- --stack STACK"],
  ["up", { stack: "true" }, ["local", "--take-over"], "--stack", "npm run up -- --stack local --take-over"],
  [
    "up",
    { stack: "true", take_over: "true" },
    ["a b"],
    "--stack and --take-over",
    "npm run up -- --stack 'a b' --take-over",
  ],
  ["migration", { stack: "true" }, ["status", "local"], "--stack", "npm run migration -- status --stack local"],
  [
    "up",
    { stack: "true", providers: "true" },
    ["local", "official"],
    "--stack and --providers",
    "npm run up -- local official --stack STACK --providers P",
  ],
  [
    "doctor",
    { stack: "true", json: "true" },
    ["local"],
    "--stack and --json",
    "npm run doctor -- --stack local --json",
  ],
] as const)("npm run %s with %j and %j kept %s", (script, kept, args, names, instead) => {
  expect(keptByNpm(HELP, { env: env(script, kept), args })).toEqual({
    sentence: `npm kept ${names} for itself, because only what follows a separate -- reaches the command. Run: ${instead}`,
    isCertain: true,
  });
});

test("what npm's own configuration sets too is not certain", () => {
  const kept = keptByNpm(HELP, {
    env: env("doctor", { json: "true", location: "user", tag: "x" }),
    args: ["--stack", "local"],
  });
  expect(kept).toEqual({
    sentence:
      "If --json was given before a separate --, npm kept it for itself. Run: npm run doctor -- --json --stack local",
    isCertain: false,
  });
});

test("options after -- are not kept, even if npm's configuration has them too", () => {
  expect(keptByNpm(HELP, { env: env("doctor", { json: "true" }), args: ["--json"] })).toBeUndefined();
  expect(keptByNpm(HELP, { env: env("doctor", {}), args: ["--stack", "local"] })).toBeUndefined();
});

describe("with npm itself", () => {
  const npm = (...args: string[]) => {
    const { status, stderr, stdout } = spawnSync("npm", args, {
      cwd: ROOT,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
    const said = stderr.split("\n").filter((line) => line !== "" && !line.startsWith("npm warn"));
    // The install step names the Node.js that it uses if the machine's is too old.
    return { status, said, stdout: stdout.replace(/^Node\.js .*\n/, "") };
  };

  test.each([
    [["start", "--silent", "--keep"], "npm kept --keep for itself", "npm start -- --keep"],
    [
      ["run", "--silent", "preview", "--stack", "local"],
      "npm kept --stack for itself",
      "npm run preview -- --stack local",
    ],
  ])("npm %j does nothing and says what to run", (args, what, instead) => {
    expect(npm(...args)).toEqual({
      status: 2,
      said: [`${what}, because only what follows a separate -- reaches the command. Run: ${instead}`],
      stdout: "",
    });
  });

  test("an error says that npm may have kept an option that it has too", () => {
    const { said, status } = npm("run", "--silent", "up", "--yes", "--", "--stack", "prod");
    expect([status, said.at(-1)]).toEqual([
      1,
      "If --yes was given before a separate --, npm kept it for itself. Run: npm run up -- --yes --stack prod",
    ]);
  });

  test("each option that npm has too is listed", () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
      scripts: Record<string, string>;
    };
    const files = Object.values(scripts).flatMap((script) => / ((?:ops|bench)\/[\w-]+\.ts)/.exec(script)?.[1] ?? []);
    const helps = files
      .map((file) => /^const HELP = `(.*?)^`;$/ms.exec(readFileSync(join(ROOT, file), "utf8"))?.[1])
      .join("\n");
    const known = Object.keys(
      JSON.parse(execFileSync("npm", ["config", "list", "--long", "--json"], { encoding: "utf8" })) as object,
    );
    const uncertain = known.filter(
      (name) =>
        name !== "help" &&
        keptByNpm(helps, { env: env("x", { [name.replaceAll("-", "_")]: "true" }), args: [] })?.isCertain,
    );
    expect(uncertain).toEqual([]);
  });
});
