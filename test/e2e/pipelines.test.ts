import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseDocument } from "yaml";
import { type EmbeddedCloud, startCloud } from "../../local/cloud";
import { endpointConfig } from "../../ops/endpoints";
import { ROOT } from "../../ops/workspace";
import { FakeGitHub } from "../pipelines/github";
import { CLOUD_BUILD, type Step, workflow } from "../pipelines/pipelines";
import { killAll } from "./kill-all";

/**
 * Both pipelines, line by line and in order, in a copy of the project, against the embedded cloud: what a runner would set
 * is set, and of the rest only what {@link SUBSTITUTED} names.
 */

jest.setTimeout(600_000);

type Stack = "staging" | "prod";
const PROJECTS: Record<Stack, string> = { staging: "fusion-prime-staging", prod: "fusion-prime" };
const REPOSITORY = "acme/settlement";

/** What stands in place of Google, by environment alone. Cloud KMS cannot be redirected, hence the passphrase. */
const SUBSTITUTED = {
  token: ["GOOGLE_OAUTH_ACCESS_TOKEN"],
  endpoints: Object.keys(endpointConfig("http://x")).map(variable),
  state: ["PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE"],
};

/** The variable that the provider reads instead of a key of its configuration such as `gcp:sqlCustomEndpoint`. */
function variable(key: string): string {
  return `GOOGLE_${key
    .replace("gcp:", "")
    .replace(/(?=[A-Z])/g, "_")
    .toUpperCase()}`;
}

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

describe("from a pull request to prod", () => {
  let copy: string;
  let cloud: EmbeddedCloud;
  const github = new FakeGitHub("job-token", REPOSITORY, 7);
  /** Every line that was run, and everything that was printed. */
  const lines: string[] = [];
  let printed = "";

  const substitutes = (stack: Stack, identity: "deployer" | "previewer"): Record<string, string> => ({
    GOOGLE_OAUTH_ACCESS_TOKEN: cloud.identities.tokenFor(
      `serviceAccount:settlement-${identity}@${PROJECTS[stack]}.iam.gserviceaccount.com`,
    ),
    ...Object.fromEntries(Object.entries(endpointConfig(cloud.url)).map(([key, url]) => [variable(key), url])),
    PULUMI_BACKEND_URL: `file://${join(copy, ".local", "states", stack)}`,
    PULUMI_CONFIG_PASSPHRASE: `passphrase of ${stack}`,
  });
  /** What GitHub's runner sets. */
  const runner = () => ({
    CI: "true",
    GITHUB_API_URL: github.url,
    GITHUB_EVENT_PATH: join(copy, "event.json"),
    GITHUB_REPOSITORY: REPOSITORY,
    GITHUB_STEP_SUMMARY: join(copy, "summary.md"),
  });
  /** Runs a line as GitHub does. `at` is called once, when the output holds the text. */
  const shell = (line: string, env: object, text?: string, at?: (child: ChildProcess) => void): Promise<Ended> => {
    lines.push(line);
    const { HOME, PATH, PULUMI_HOME } = process.env;
    const child = spawn("bash", ["-e", "-c", line], {
      cwd: copy,
      env: { HOME, PATH, ...(PULUMI_HOME !== undefined && { PULUMI_HOME }), ...env },
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    let waits = text !== undefined;
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => {
        output += chunk.toString();
        if (waits && output.includes(text ?? "")) {
          waits = false;
          at?.(child);
        }
      });
    return new Promise((resolve) => {
      child.on("close", (code) => {
        printed += output;
        resolve({ code, output });
      });
    });
  };
  /** Runs the lines of a job until one fails; `npm test` is what runs this test already. */
  const run = async (name: string, id: string, stack?: Stack): Promise<Ended> => {
    const { steps } = workflow(name).jobs[id] ?? { steps: [] };
    let output = "";
    for (const step of steps) {
      if (/^actions\/(cache\/save|upload-artifact)@/.test(step.uses ?? ""))
        expect(existsSync(join(copy, String(step.with?.path)))).toBe(true);
      if (step.run === undefined || step.run === "npm test") continue;
      const ended = await shell(step.run, { ...runner(), ...identity(steps, stack), ...variables(step) });
      output += ended.output;
      if (ended.code !== 0) return { code: ended.code, output };
    }
    return { code: 0, output };
  };
  /** The substitutes for whoever the job acts as; without an identity there is nothing to substitute. */
  const identity = (steps: readonly Step[], stack: Stack | undefined) => {
    const email = String(steps.find(({ with: given }) => given?.service_account)?.with?.service_account ?? "");
    if (email === "" || stack === undefined) return {};
    expect(email.endsWith(`@${PROJECTS[stack]}.iam.gserviceaccount.com`)).toBe(true);
    return substitutes(stack, email.startsWith("settlement-deployer@") ? "deployer" : "previewer");
  };
  const variables = ({ env = {} }: Step) =>
    Object.fromEntries(
      Object.entries(env).map(([key, value]) => [key, value.replace("${{ github.token }}", "job-token")]),
    );
  const ask = async (method: string, path: string, body?: object) => {
    const response = await fetch(cloud.url + path, {
      method,
      headers: { authorization: `Bearer ${cloud.identities.ownerToken}`, "content-type": "application/json" },
      ...(body && { body: JSON.stringify(body) }),
    });
    expect([path, response.ok]).toEqual([path, true]);
    return (await response.json()) as Record<string, unknown>;
  };
  const comment = (stack: Stack) =>
    github.comments
      .filter(({ body }) => body.includes(`<!-- settlement preview: ${stack} -->`))
      .map(({ body }) => body);

  beforeAll(async () => {
    mkdirSync(join(ROOT, ".local"), { recursive: true });
    copy = mkdtempSync(join(ROOT, ".local", "pipelines-"));
    const parts = [
      "infra",
      "local",
      "migrations",
      "ops",
      "policies",
      "package.json",
      "package-lock.json",
      "tsconfig.json",
    ];
    for (const part of [...parts, "Pulumi.yaml", "Pulumi.staging.yaml", "Pulumi.prod.yaml"])
      cpSync(join(ROOT, part), join(copy, part), { recursive: true });
    symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
    // Prod as it is once it has been taken over, which has a test of its own.
    const prod = parseDocument(readFileSync(join(copy, "Pulumi.prod.yaml"), "utf8"));
    prod.deleteIn(["config", "settlement:adopt"]);
    writeFileSync(join(copy, "Pulumi.prod.yaml"), prod.toString());
    writeFileSync(join(copy, "event.json"), JSON.stringify({ pull_request: { number: 7 } }));
    for (const stack of ["staging", "prod"]) mkdirSync(join(copy, ".local", "states", stack), { recursive: true });
    const service = { command: process.execPath, args: [join(ROOT, "local", "service", "server.js")] };
    cloud = await startCloud({
      folder: join(copy, ".local", "cloud"),
      projects: Object.values(PROJECTS),
      images: { "us-central1-docker.pkg.dev/fusion-prime/settlement/settlement-service": service },
    });
    await github.start();
    // Once, by the owner of the projects: what the pipelines act as.
    for (const stack of ["staging", "prod"] as const) {
      const owner = { ...substitutes(stack, "deployer"), GOOGLE_OAUTH_ACCESS_TOKEN: cloud.identities.ownerToken };
      const { code, output } = await shell(
        `npm run bootstrap -- --stack ${stack} --repository ${REPOSITORY} --yes`,
        owner,
      );
      expect([stack, code, code === 0 ? "" : output]).toEqual([stack, 0, ""]);
    }
  });

  afterAll(async () => {
    github.stop();
    await cloud.stop();
    rmSync(copy, { recursive: true, force: true });
  });

  test("three things are substituted, by environment: the token, the endpoints, the state", () => {
    expect(Object.keys(substitutes("staging", "deployer")).sort()).toEqual(Object.values(SUBSTITUTED).flat().sort());
    for (const name of SUBSTITUTED.endpoints) expect(name).toMatch(/^GOOGLE_[A-Z0-9_]+_CUSTOM_ENDPOINT$/);
  });

  test("a pull request is opened: lint passes, and a comment for each stack is written", async () => {
    const ended = [
      await run("pull-request", "test"),
      await run("pull-request", "staging", "staging"),
      await run("pull-request", "prod"),
    ];
    expect(ended.map(({ code, output }) => [code, code === 0 ? "" : output])).toEqual(ended.map(() => [0, ""]));
    expect(comment("staging")).toEqual([
      expect.stringMatching(/^### ✅ staging can be updated: \d+ to create, 2 migrations pending\. /),
    ]);
    expect(comment("prod")).toEqual([expect.stringContaining("Compared with an empty state, without credentials")]);
  });

  test("it is merged, and the update of staging dies in the middle: the next run says whose lock is in the way", async () => {
    const [update] = workflow("deliver").jobs.staging?.steps.filter(({ run }) => run?.includes(" up ")) ?? [];
    const env = { ...runner(), ...substitutes("staging", "deployer") };
    const state = join(copy, ".local", "states", "staging", ".pulumi", "stacks", "settlement", "staging.json");
    let watch: NodeJS.Timeout | undefined;
    let before = "";
    await shell(update?.run ?? "", env, "settlement-schema creating", ({ pid = 0 }) => {
      watch = setInterval(() => {
        const now = readFileSync(state, "utf8");
        // Not while the state is being written: a file that is cut off is a folder's trouble, and no bucket's.
        const settled = now === before && (now.split('"pending_operations"')[1] ?? "").includes("settlement-schema");
        before = now;
        if (!settled) return;
        clearInterval(watch);
        killAll(pid);
      }, 20);
    });
    clearInterval(watch);
    const { code, output } = await run("deliver", "staging", "staging");
    expect([code, output]).toEqual([
      1,
      expect.stringMatching(
        /^staging is locked by \S+@\S+ \(process \d+\) since \d+ minutes?: an update is under way, or died\./m,
      ),
    ]);
    expect(output).toContain("Nothing was changed.");
    const command = /^ {2}(PULUMI_BACKEND_URL=.* cancel --yes --stack staging)$/m.exec(output)?.[1] ?? "false";
    expect(await shell(command, env)).toMatchObject({ code: 0 });
  });

  test("once that lock is taken away, it goes on where it stood: staging is updated and smoke-tested", async () => {
    const { code, output } = await run("deliver", "staging", "staging");
    expect(output).toMatch(
      /^An earlier run was killed in the middle, \d+ minutes? ago; taking over what it was at: .*settlement-schema/m,
    );
    expect(output).toContain("settlement-service accepts settlement commands: ");
    expect(code).toBe(0);
  });

  test("it is approved, and prod follows", async () => {
    const { code, output } = await run("deliver", "prod", "prod");
    expect([code, output]).toEqual([0, expect.stringContaining("settlement-service accepts settlement commands: ")]);
  });

  test("what was published holds no secret, and names no key", async () => {
    for (const [stack, project] of Object.entries(PROJECTS)) {
      const text = readFileSync(join(copy, ".local", "snapshots", `${stack}.json`), "utf8");
      expect(text).toContain("settlement_user");
      expect(text).not.toMatch(/gcpkms|secrets_providers|ciphertext|encryptedkey|passphrase|v1:/);
      for (const secret of ["settlement-db-password", "settlement-db-connection-string"]) {
        const { payload } = await ask("GET", `/v1/projects/${project}/secrets/${secret}/versions/latest:access`);
        const value = Buffer.from((payload as { data: string }).data, "base64").toString();
        const password = /:\/\/[^:]*:([^@]*)@/.exec(value)?.[1] ?? value;
        for (const found of [value, password]) {
          expect(text).not.toContain(found);
          expect(printed).not.toContain(found);
        }
      }
    }
  });

  test("the next push edits the comments: staging against its state, prod against the snapshot, one line each", async () => {
    for (const [id, stack] of [
      ["staging", "staging"],
      ["prod", undefined],
    ] as const) {
      const { code, output } = await run("pull-request", id, stack);
      expect([code, code === 0 ? "" : output]).toEqual([0, ""]);
    }
    expect(comment("staging")).toEqual([
      expect.stringMatching(/^### ✅ staging is unchanged: \d+ resources\. <!-- .* -->\n$/),
    ]);
    const commit = execFileSync("git", ["rev-parse", "HEAD"], { cwd: ROOT, encoding: "utf8" }).slice(0, 12);
    expect(comment("prod")).toEqual([
      expect.stringMatching(
        new RegExp(
          `^### ✅ prod is unchanged since the snapshot of \`${commit}\`, \\d+ minutes? old \\(.*\\): \\d+ resources\\. <!-- .* -->\\n$`,
        ),
      ),
    ]);
    expect(github.comments).toHaveLength(2);
  });

  test("at night there is no drift, and the doctor finds nothing", async () => {
    for (const stack of ["staging", "prod"] as const) {
      const { code, output } = await run("nightly", stack, stack);
      const summary = existsSync(join(copy, "summary.md")) ? readFileSync(join(copy, "summary.md"), "utf8") : "";
      expect([stack, code, code === 0 ? "" : output + summary]).toEqual([stack, 0, ""]);
    }
    expect(readFileSync(join(copy, "summary.md"), "utf8")).toContain(
      "Nothing was changed by hand since the last update.",
    );
  });

  test("what was changed by hand in prod is found at night, without its key, and named with what to do", async () => {
    const bucket = "/storage/v1/b/fusion-prime-migrations";
    const hidden = (publicAccessPrevention: string) =>
      ask("PATCH", bucket, { iamConfiguration: { publicAccessPrevention } });
    await hidden("inherited");
    const { code } = await run("nightly", "prod", "prod");
    const summary = readFileSync(join(copy, "summary.md"), "utf8");
    expect([code, summary]).toEqual([
      2,
      expect.stringContaining('  - `publicAccessPrevention` `"enforced"` → `"inherited"`'),
    ]);
    expect(summary).toContain("and with what is there now, but for the contents of secrets.");
    expect(summary).toContain("`npm run up -- --stack prod --refresh`");
    await hidden("enforced");
  });

  test("Cloud Build's steps do the same, in order", async () => {
    for (const { args, entrypoint } of CLOUD_BUILD.steps) {
      const line = [entrypoint, ...args].join(" ").replace("$_STACK", CLOUD_BUILD.substitutions._STACK ?? "");
      const { code, output } = await shell(line, substitutes("staging", "deployer"));
      expect([line, code, code === 0 ? "" : output]).toEqual([line, 0, ""]);
    }
  });

  test("every line of both was run", () => {
    const jobs = ["pull-request", "deliver", "nightly"].flatMap((name) => Object.values(workflow(name).jobs));
    const all = jobs.flatMap(({ steps }) => steps.flatMap(({ run: line }) => line ?? []));
    // The fork's lines are those of prod's preview, written to the summary; its own test is below.
    const other = all.filter((line) => !lines.includes(line) && line !== "npm test");
    expect(other).toEqual(['npm run preview -- --stack "$STACK" --offline --out "$GITHUB_STEP_SUMMARY"']);
  });

  test("a fork's pull request sees the same, without any identity", async () => {
    const [line] = workflow("pull-request").jobs.fork?.steps.flatMap(({ run: one }) => one ?? []) ?? [];
    const { code, output } = await shell(line ?? "", { ...runner(), STACK: "staging" });
    expect([code, code === 0 ? "" : output]).toEqual([0, ""]);
    expect(readFileSync(join(copy, "summary.md"), "utf8")).toMatch(
      /^### ✅ staging is unchanged since the snapshot of /,
    );
  });
});
