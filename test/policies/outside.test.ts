import { execFile } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { findCli } from "../../ops/engine/cli.ts";
import { ROOT } from "../../ops/engine/stack-file.ts";
import { type Echo, startEcho } from "./echo.ts";

jest.setTimeout(60_000);

/**
 * A program of another project, which runs itself, because a CLI that is built with Go comes without the plugin that runs
 * programs in Node.js.
 */
const PROGRAM = `
const { storage } = require("@pulumi/gcp");
const { LocalWorkspace, PulumiCommand } = require("@pulumi/pulumi/automation");
const role = "roles/storage.objectViewer";
const program = async () => {
  new storage.BucketIAMMember("everybody", { bucket: "site", role, member: "allUsers" });
};
const main = async () => {
  const project = { stackName: "website", projectName: "website", program };
  const stack = await LocalWorkspace.createOrSelectStack(project, { workDir: __dirname });
  const [policyPack, ...policyPackConfigs] = process.argv.slice(2);
  await stack.preview({ policyPacks: [policyPack], policyPackConfigs, color: "never", onOutput: console.log });
};
main().catch(() => (process.exitCode = 1));
`;

interface Lock {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>;
}

describe("the pack, from a clone of this repository and a program in another folder", () => {
  let echo: Echo;
  let folder: string;
  beforeAll(async () => {
    echo = await startEcho();
    folder = realpathSync(mkdtempSync(join(tmpdir(), "outside-")));
    clone(join(folder, "clone"));
    const program = join(folder, "program");
    mkdirSync(program);
    writeFileSync(join(program, "package.json"), '{ "name": "website", "main": "index.js" }\n');
    writeFileSync(join(program, "index.js"), PROGRAM);
    install(program, ["@pulumi/pulumi", "@pulumi/gcp", "typescript"]);
  });
  afterAll(() => {
    echo.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Previews the program with the pack. Returns the output and whether it succeeded. */
  async function preview(
    ...config: readonly string[]
  ): Promise<{ readonly succeeded: boolean; readonly output: string }> {
    const { command } = await findCli(() => undefined);
    const env = {
      HOME: process.env.HOME,
      PATH: [dirname(command), dirname(process.execPath), process.env.PATH].join(delimiter),
      PULUMI_BACKEND_URL: `file://${folder}`,
      PULUMI_CONFIG_PASSPHRASE: "for the test",
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PULUMI_DEBUG_PROVIDERS: `gcp:${echo.port}`,
    };
    const args = ["index.js", join(folder, "clone", "policies"), ...config];
    return new Promise((resolve) => {
      execFile(process.execPath, args, { cwd: join(folder, "program"), env }, (error, stdout, stderr) => {
        resolve({ succeeded: error === null, output: stdout + stderr });
      });
    });
  }

  test("judges it with the packages that `npm ci --omit=dev` installs", async () => {
    const { succeeded, output } = await preview();
    expect(output).toMatch(/\[mandatory\] .*no-public-members .*everybody\)/);
    expect(output).toContain('list it in { "no-public-members": { "public"');
    expect(succeeded).toBe(false);
  });

  test("takes the program's own settings", async () => {
    const config = join(folder, "policies.json");
    writeFileSync(config, JSON.stringify({ "no-public-members": { public: ["site"] } }));
    const { succeeded, output } = await preview(config);
    expect(output).not.toContain("no-public-members");
    expect(succeeded).toBe(true);
  });
});

/** What a clone of this repository has for the pack, with the packages that are not only for development. */
function clone(to: string) {
  for (const name of ["policies", "infra", "package.json"])
    cpSync(join(ROOT, name), join(to, name), { recursive: true });
  const { packages } = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")) as Lock;
  const own = Object.entries(packages).filter(
    ([path, { dev }]) => dev !== true && /^node_modules\/(@[^/]+\/)?[^/]+$/.test(path),
  );
  install(
    to,
    own.map(([path]) => path.slice("node_modules/".length)),
  );
}

function install(folder: string, names: readonly string[]) {
  for (const name of names) {
    const to = join(folder, "node_modules", name);
    mkdirSync(dirname(to), { recursive: true });
    symlinkSync(join(ROOT, "node_modules", name), to);
  }
}
