import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseDocument } from "yaml";
import { type EmbeddedCloud, startCloud } from "../../packages/embedded-google-cloud/index.ts";
import { isAlive } from "../../packages/embedded-google-cloud/state/lock.ts";
import { endpointEnv } from "../../ops/engine/endpoints.ts";
import { StackFiles } from "../../ops/engine/file-backend.ts";
import { ROOT } from "../../ops/engine/stack-file.ts";
import { FakeGitHub } from "../pipelines/github.ts";
import { CLOUD_BUILD, type Step, workflow } from "../pipelines/pipelines.ts";
import { LONG_FORM } from "../long-form.ts";
import { ask } from "../ask.ts";
import { killAll } from "../processes.ts";
import { scenario } from "../scenario.ts";
import { copyProject } from "./copy.ts";
import { filesBelow, holders } from "./leaks.ts";
import { compareLines, recordedLines } from "./lines.ts";
import { type Ended, shell as bash, type ShellOptions } from "./shell.ts";

/**
 * Runs both pipelines line by line in a copy of the project, against the embedded cloud. The environment is that of a
 * runner, except for {@link SUBSTITUTED}.
 */

jest.setTimeout(600_000);

type Stack = "staging" | "prod";
const PROJECTS: Record<Stack, string> = { staging: "fusion-prime-staging", prod: "fusion-prime" };
/** Not run here: the tests themselves, and the audit, which needs the registry. */
const ELSEWHERE = ["npm test", "npm run audit", "npm run test:faults"];
const REPOSITORY = "acme/settlement";

/** Environment variables that replace Google. Cloud KMS cannot be redirected, hence the passphrase. */
const SUBSTITUTED = {
  token: ["GOOGLE_OAUTH_ACCESS_TOKEN"],
  endpoints: Object.keys(endpointEnv("http://x")),
  state: ["PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE"],
};

/** An address that refuses connections. */
const NO_ANSWER = "http://127.0.0.1:9";

/** The migration in the pull request. */
const MIGRATION = `-- migrate:up
ALTER TABLE settlement_commands ADD COLUMN fee numeric(38, 18);

-- migrate:down
ALTER TABLE settlement_commands DROP COLUMN fee;
`;

describe("both pipelines", () => {
  const step = scenario();
  let copy: string;
  let cloud: EmbeddedCloud;
  const github = new FakeGitHub("job-token", REPOSITORY, 7);
  /** Every line that was run. */
  const lines: string[] = [];
  /** All output. */
  let printed = "";

  const substitutes = (stack: Stack, identity: "deployer" | "previewer"): Record<string, string> => ({
    GOOGLE_OAUTH_ACCESS_TOKEN: cloud.identities.tokenFor(
      `serviceAccount:settlement-${identity}@${PROJECTS[stack]}.iam.gserviceaccount.com`,
    ),
    ...endpointEnv(cloud.url),
    PULUMI_BACKEND_URL: `file://${join(copy, ".local", "states", stack)}`,
    PULUMI_CONFIG_PASSPHRASE: `passphrase of ${stack}`,
  });
  /** Variables set by GitHub's runner; and by one that stands behind a proxy, here one that never answers. */
  const runner = () => ({
    http_proxy: NO_ANSWER,
    https_proxy: NO_ANSWER,
    CI: "true",
    GITHUB_API_URL: github.url,
    GITHUB_EVENT_PATH: join(copy, "event.json"),
    GITHUB_REPOSITORY: REPOSITORY,
    GITHUB_RUN_ID: "42",
    GITHUB_SERVER_URL: "https://github.com",
    GITHUB_SHA: "0123456789abcdef",
    GITHUB_STEP_SUMMARY: join(copy, "summary.md"),
  });
  /** Runs one line as GitHub does. */
  const shell = async (line: string, env: object, at?: ShellOptions["at"]): Promise<Ended> => {
    lines.push(line);
    const { HOME, PATH, PULUMI_HOME, SETTLEMENT_PROVIDERS } = process.env;
    const own = { HOME, PATH, PULUMI_HOME, SETTLEMENT_PROVIDERS };
    const ended = await bash(line, { cwd: copy, env: { ...own, ...env }, ...(at && { at }) });
    printed += ended.output;
    return ended;
  };
  /**
   * Runs the lines of a job until one fails, then only those that run after a failure.
   * @returns The exit code of the first failure, if any, and all output.
   */
  const run = async (name: string, id: string, stack?: Stack): Promise<Ended> => {
    const { steps } = workflow(name).jobs[id] ?? { steps: [] };
    let output = "";
    let code: number | null = 0;
    for (const line of steps) {
      if (code !== 0 && line.if !== "${{ !cancelled() }}") continue;
      if (/^actions\/(cache\/save|upload-artifact)@/.test(line.uses ?? ""))
        expect(existsSync(join(copy, String(line.with?.path)))).toBe(true);
      if (line.run === undefined || ELSEWHERE.includes(line.run)) continue;
      const ended = await shell(line.run, { ...runner(), ...identity(steps, stack), ...variables(line) });
      output += ended.output;
      code = code === 0 ? ended.code : code;
    }
    return { code, output };
  };
  /** The substitutes for the job's identity; none if the job has no identity. */
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
  const published = (stack: string) => readFileSync(join(copy, ".local", "snapshots", `${stack}.json`), "utf8");
  const summary = () => readFileSync(join(copy, "summary.md"), "utf8");
  /** The stacks that were updated: staging only in the long form. */
  const deployed = () =>
    (["staging", "prod"] as const).filter((stack) => existsSync(join(copy, ".local", "snapshots", `${stack}.json`)));
  const comment = (stack: Stack) =>
    github.comments
      .filter(({ body }) => body.includes(`<!-- settlement preview: ${stack} -->`))
      .map(({ body }) => body);

  beforeAll(async () => {
    copy = copyProject("pipelines");
    // Prod after its adoption, which adoption.test.ts covers.
    const prod = parseDocument(readFileSync(join(copy, "Pulumi.prod.yaml"), "utf8"));
    prod.deleteIn(["config", "settlement:adopt"]);
    writeFileSync(join(copy, "Pulumi.prod.yaml"), prod.toString());
    execFileSync("git", ["init", "--quiet"], { cwd: copy });
    const author = ["-c", "user.name=Settlement", "-c", "user.email=settlement@example.com"];
    execFileSync("git", [...author, "commit", "--quiet", "--allow-empty", "--message=Merged"], { cwd: copy });
    writeFileSync(join(copy, "summary.md"), "");
    writeFileSync(join(copy, "event.json"), JSON.stringify({ pull_request: { number: 7 } }));
    for (const stack of ["staging", "prod"]) mkdirSync(join(copy, ".local", "states", stack), { recursive: true });
    const service = { command: process.execPath, args: [join(ROOT, "packages", "settlement-service", "server.js")] };
    cloud = await startCloud({
      folder: join(copy, ".local", "cloud"),
      projects: Object.values(PROJECTS),
      images: { "us-central1-docker.pkg.dev/fusion-prime/settlement/settlement-service": service },
    });
    await github.start();
    // Enabled when the image of both stacks was pushed to prod's project.
    await ask(cloud, "POST", `/v1/projects/${PROJECTS.prod}/services/artifactregistry.googleapis.com:enable`, {});
    // Once, by the owner of the projects: create the pipelines' identities.
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

  step("substitutes only the token, the endpoints and the state, by environment variables", () => {
    expect(Object.keys(substitutes("staging", "deployer")).sort()).toEqual(Object.values(SUBSTITUTED).flat().sort());
    for (const name of SUBSTITUTED.endpoints) expect(name).toMatch(/^GOOGLE_[A-Z0-9_]+_CUSTOM_ENDPOINT$/);
  });

  step.inLongForm("says who holds the lock during an update of staging, and after that update was killed", async () => {
    const [update] = workflow("deliver").jobs.staging?.steps.filter(({ run }) => run?.includes(" up ")) ?? [];
    const env = { ...runner(), ...substitutes("staging", "deployer") };
    const state = new StackFiles(join(copy, ".local", "states", "staging"), "staging").checkpoint;
    const locked =
      /^staging is locked by \S+@\S+ \(process (\d+)\) for \d+ minutes?: an update is running, or was killed\./m;
    // The first update waits for the response to this import.
    const silence = cloud.faults.inject({ method: "POST", path: /\/import$/ }, { kind: "silence" });
    let second: Promise<Ended> | undefined;
    await shell(update?.run ?? "", env, [
      "settlement-schema creating",
      (first) => {
        const beside = async () => {
          const isHeld = () =>
            silence.struck.length > 0 && readFileSync(state, "utf8").includes('"pending_operations"');
          while (!isHeld() && first.exitCode === null) await delay(20);
          const ended = await shell(update?.run ?? "", env);
          expect(isAlive(Number(locked.exec(ended.output)?.[1]))).toBe(true);
          return ended;
        };
        second = beside().finally(() => {
          killAll(first.pid ?? 0);
        });
      },
    ]);
    silence.remove();
    expect(await second).toEqual({ code: 1, output: expect.stringMatching(locked) as string });

    const { code, output } = await run("deliver", "staging", "staging");
    expect([code, output]).toEqual([1, expect.stringMatching(locked)]);
    expect(output).toContain("Nothing was changed.");
    const command = /^ {2}(PULUMI_BACKEND_URL=.* cancel --yes --stack staging)$/m.exec(output)?.[1] ?? "false";
    expect(await shell(command, env)).toMatchObject({ code: 0 });
  });

  step.inLongForm("finishes the update of staging once the lock is cancelled, and smoke-tests it", async () => {
    const { code, output } = await run("deliver", "staging", "staging");
    expect(output).toMatch(
      /^An earlier run was killed \d+ minutes? ago; recovering its unfinished resources: .*settlement-schema/m,
    );
    expect(output).toContain("settlement-service accepts settlement commands: ");
    expect(code).toBe(0);
  });

  step("updates and smoke-tests prod", async () => {
    const { code, output } = await run("deliver", "prod", "prod");
    expect([code, output]).toEqual([0, expect.stringContaining("settlement-service accepts settlement commands: ")]);
  });

  step("publishes snapshots without key names or encrypted values", () => {
    for (const stack of deployed()) {
      expect(published(stack)).toContain("settlement_user");
      expect(published(stack)).not.toMatch(/gcpkms|secrets_providers|ciphertext|encryptedkey|passphrase|v1:/);
    }
  });

  step.inLongForm("finds no drift and no fault in staging in the nightly run", async () => {
    const { code, output } = await run("nightly", "staging", "staging");
    expect([code, code === 0 ? "" : output]).toEqual([0, ""]);
    expect(summary()).toContain("Nothing was changed manually since the last update.");
    expect(output).toMatch(/checks find nothing|No fault found/);
  });

  step.inLongForm("finds a manual change to prod in the nightly run without its key, and says what to do", async () => {
    const bucket = "/storage/v1/b/fusion-prime-migrations";
    const preventPublicAccess = (publicAccessPrevention: string) =>
      ask(cloud, "PATCH", bucket, { iamConfiguration: { publicAccessPrevention } });
    await preventPublicAccess("inherited");
    const { code, output } = await run("nightly", "prod", "prod");
    const [, changed] = /^\*\*Changed manually since the last update\*\*\n\n((?: *- .*\n)*)/m.exec(summary()) ?? [];
    expect([code, changed]).toEqual([
      1,
      '- `settlement-migrations` (gcp.storage.Bucket)\n  - `publicAccessPrevention` `"enforced"` → `"inherited"`\n',
    ]);
    expect(summary()).toContain("and the cloud's current state, except the contents of secrets.");
    expect(summary()).toContain("`npm run up -- --stack prod --refresh`");
    expect(output).toMatch(/checks find nothing|No fault found/);
    await preventPublicAccess("enforced");
  });

  step.inLongForm("compares a fork's pull request with prod's snapshot, without any identity", async () => {
    const [line] = workflow("pull-request").jobs.fork?.steps.flatMap(({ run: one }) => one ?? []) ?? [];
    const { code, output } = await shell(line ?? "", { ...runner(), STACK: "prod" });
    expect([code, code === 0 ? "" : output]).toEqual([0, ""]);
    const { commit } = JSON.parse(published("prod")) as { commit: string };
    execFileSync("git", ["cat-file", "-e", `${commit}^{commit}`], { cwd: copy });
    expect(summary()).toMatch(
      new RegExp(
        `^### ✅ prod is unchanged since the snapshot of \`${commit.slice(0, 12)}\`, \\d+ minutes? old \\(.*\\): \\d+ resources\\. <!-- .* -->\\n\\nCommit \`0123456789ab\`, \\[run\\]\\(https://github.com/${REPOSITORY}/actions/runs/42\\) of .* UTC\\.\\n$`,
      ),
    );
  });

  /** Previews a push by editing the comment of the previous push. */
  async function previewPush(stack: Stack): Promise<string> {
    github.add(`Before. <!-- settlement preview: ${stack} -->`, "Bot");
    const { code, output } = await run("pull-request", stack, stack);
    expect([code, code === 0 ? "" : output]).toEqual([0, ""]);
    const [edited = "", ...others] = comment(stack);
    expect(others).toEqual([]);
    expect(edited).toMatch(
      new RegExp(`^### ✅ ${stack} can be updated: 1 to update, 1 to create, \\d+ unchanged, 1 migration pending\\. `),
    );
    expect(edited).toContain(` UTC. Next: merge; the pipeline then updates ${stack}.\n`);
    return edited;
  }

  step("lints a migration, and compares prod's snapshot with it by editing the previous push's comment", async () => {
    writeFileSync(join(copy, "migrations", "20261124090000_add_fee.sql"), MIGRATION);
    expect(await run("pull-request", "test")).toMatchObject({ code: 0 });
    expect(await previewPush("prod")).toContain("Compared with the snapshot of ");
    expect(github.comments).toHaveLength(1);
  });

  step.inLongForm("previews it on staging in a comment of its own", async () => {
    await previewPush("staging");
    expect(github.comments).toHaveLength(2);
  });

  step.inLongForm(
    "deploys the merged migration to staging by Cloud Build's steps: schema first, then the rest",
    async () => {
      const changes: string[] = [];
      for (const { args, entrypoint } of CLOUD_BUILD.steps) {
        const line = [entrypoint, ...args].join(" ");
        const env = { ...substitutes("staging", "deployer"), ...CLOUD_BUILD.substitutions };
        const { code, output } = await shell(line, env);
        expect([line, code, code === 0 ? "" : output]).toEqual([line, 0, ""]);
        changes.push(...output.split("\n").filter((said) => /^[✓✗] /.test(said)));
      }
      expect(changes).toEqual([
        expect.stringContaining(" 1 migration pending."),
        expect.stringContaining(" staging is unchanged: "),
      ]);
    },
  );

  step("deploys the merged migration to prod", async () => {
    const { code, output } = await run("deliver", "prod", "prod");
    expect([code, output]).toEqual([0, expect.stringContaining(" 1 migration pending.")]);
    expect(output).toContain("settlement-service accepts settlement commands: ");
  });

  step("has run every line of both pipelines, some in the long form only", () => {
    const jobs = ["pull-request", "deliver", "nightly"].flatMap((name) => Object.values(workflow(name).jobs));
    const cloudBuild = CLOUD_BUILD.steps.map(({ args, entrypoint }) => [entrypoint, ...args].join(" "));
    const all = [...jobs.flatMap(({ steps }) => steps.flatMap(({ run: line }) => line ?? [])), ...cloudBuild];
    const ran = all.filter((line) => lines.includes(line));
    compareLines("pipelines.test.ts", ran);
    const known = LONG_FORM ? ran : recordedLines("pipelines.test.ts");
    expect(all.filter((line) => !known.includes(line))).toEqual(ELSEWHERE);
  });

  step("leaves no secret in the output, the comments, the summary or a file other than Secret Manager's", async () => {
    const secrets: string[] = [];
    for (const stack of deployed()) {
      const path = `/v1/projects/${PROJECTS[stack]}/secrets/settlement-db-connection-string/versions/latest:access`;
      const { payload } = await ask<{ payload: { data: string } }>(cloud, "GET", path);
      const string = Buffer.from(payload.data, "base64").toString();
      secrets.push(string, /:\/\/[^:]*:([^@]*)@/.exec(string)?.[1] ?? string);
    }
    const comments = github.comments.map(({ body }) => body).join("\n");
    const found = holders(
      [["output", printed], ["comments", comments], ["summary", summary()], ...filesBelow(join(copy, ".local"))],
      secrets,
    );
    expect(found).not.toEqual([]);
    expect(found.filter((place) => !place.startsWith("/cloud/secret"))).toEqual([]);
  });
});
