import type { PulumiCommand } from "@pulumi/pulumi/automation/index.js";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startProviders } from "../../../ops/engine/providers.ts";
import { ROOT } from "../../../ops/engine/stack-file.ts";
import { UserError } from "../../../ops/terminal/user-error.ts";

jest.mock("../../../ops/engine/reachable.ts", () => ({ isReachable: () => Promise.resolve(false) }));

const command = { command: "pulumi" } as PulumiCommand;
const before = process.env;
let home: string;
let said: string[];
const say = (line: string) => said.push(line);

const version = (name: string) =>
  (JSON.parse(readFileSync(join(ROOT, "node_modules", "@pulumi", name, "package.json"), "utf8")) as { version: string })
    .version;
const both = `gcp ${version("gcp")} and random ${version("random")}`;
const install = () => {
  for (const name of ["gcp", "random"])
    mkdirSync(join(home, "plugins", `resource-${name}-v${version(name)}`), { recursive: true });
};

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "providers-"));
  process.env = { ...before, PULUMI_HOME: home };
  delete process.env.SETTLEMENT_PROVIDERS;
  said = [];
});
afterEach(() => {
  process.env = before;
  rmSync(home, { recursive: true });
});

test.each([undefined, "official"] as const)("%s takes the installed plugins", async (choice) => {
  install();
  const { env } = await startProviders(command, { choice, say });
  expect(env).toEqual({});
  expect(said).toEqual([`Providers       official, ${both}`]);
});

test("stand-in is taken even if the plugins are installed", async () => {
  install();
  const { env, stop } = await startProviders(command, { choice: "stand-in", say });
  await stop();
  expect(env.PULUMI_DEBUG_PROVIDERS).toMatch(/^gcp:\d+,random:\d+$/);
  expect(said).toEqual(["Providers       stand-ins, as chosen"]);
});

test("official fails without the plugins, however long ago their download failed", async () => {
  const error = new UserError(
    `The official providers ${both} cannot be downloaded: get.pulumi.com does not answer. The stand-ins, for previews and the embedded cloud only: --providers stand-in`,
  );
  await expect(startProviders(command, { choice: "official", say })).rejects.toThrow(error);
  expect(said).toEqual([]);
});
