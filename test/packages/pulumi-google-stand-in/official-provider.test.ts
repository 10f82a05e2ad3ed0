import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EmbeddedCloud, startCloud } from "../../../packages/embedded-google-cloud/index.ts";
import { type Fields, isFields } from "../../../packages/pulumi-google-stand-in/fields.ts";
import { isAsset, isSecret } from "../../../packages/pulumi-google-stand-in/values.ts";
import { asset, Engine, googleAt } from "./engine.ts";

/** A resource recorded from the official provider; see test/recorded/take-over.mjs. */
interface Recorded {
  readonly type: string;
  readonly name: string;
  readonly inputs: Fields;
  readonly outputs: Fields;
}

/** Where the stand-in differs from the official provider on purpose, and why. */
const DIFFERENCES: readonly { readonly type: RegExp; readonly path: RegExp; readonly because: string }[] = [
  { type: /RandomId$/, path: /^id$/, because: "it is random and may have no digit" },
  {
    type: /Dashboard$/,
    path: /^dashboardJson$/,
    because: "the official provider sorts the keys, and Google has dropped zeros since the recording",
  },
  { type: /GlobalAddress$/, path: /^labelFingerprint$/, because: "the embedded cloud returned none when recorded" },
];

/** Values that differ from run to run and may have no digit. */
const GENERATED = /(etag|crc32c|hash|b64Std|b64Url)$/i;

/** Parents before what belongs to them. */
const ORDER = [
  ...[/projects\/service:/, /compute\/network:/, /compute\//, /Connection$/, /serviceaccount/, /secret:/, /bucket:/],
  ...[/Instance$/, /sql\//, /Version$/, /^(?!gcp:cloudrun)/, /cloudrunv2\/service:/, /./],
];
const rank = ({ type }: Recorded) => ORDER.findIndex((pattern) => pattern.test(type));

const recorded = (stack: string): Recorded[] => {
  const file = join(import.meta.dirname, "..", "..", "recorded", "official-provider", `${stack}.json`);
  return JSON.parse(readFileSync(file, "utf8")) as Recorded[];
};

/** What the program set: the recorded inputs without the provider's defaults. */
function program(value: unknown, name = ""): unknown {
  if (value === "[secret]" && name === "source") return asset({ text: "select 1;" });
  if (Array.isArray(value)) return value.map((item) => program(item));
  if (!isFields(value)) return value;
  const defaults = new Set(Array.isArray(value.__defaults) ? value.__defaults : []);
  const set = Object.entries(value).filter(([key]) => key !== "__defaults" && !defaults.has(key));
  return Object.fromEntries(set.map(([key, inner]) => [key, program(inner, key)]));
}

/** The values at their paths. @param exact False replaces words with digits in them: generated names differ from run to run. */
function shape(value: unknown, exact: boolean, path = ""): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const walk = (value: unknown, path: string) => {
    if (isSecret(value) || isAsset(value) || value === "[secret]") found.set(path, "secret or asset");
    else if (Array.isArray(value) && value.length > 0) {
      value.forEach((item, index) => {
        walk(item, `${path}[${index}]`);
      });
    } else if (isFields(value) && Object.keys(value).length > 0) {
      for (const [key, inner] of Object.entries(value)) walk(inner, path === "" ? key : `${path}.${key}`);
    } else {
      if (!exact && GENERATED.test(path)) found.set(path, typeof value);
      else
        found.set(path, exact ? JSON.stringify(value) : JSON.stringify(value).replaceAll(/[\w+=-]*\d[\w.:+=-]*/g, "#"));
    }
  };
  walk(value, path);
  return found;
}

/** How the stand-in's values differ from the recorded ones, except for {@link DIFFERENCES}. */
function compare(type: string, ours: unknown, theirs: unknown, exact: boolean): string[] {
  const [mine, official] = [shape(ours, exact), shape(theirs, exact)];
  return [...new Set([...mine.keys(), ...official.keys()])]
    .filter((path) => mine.get(path) !== official.get(path))
    .filter((path) => !DIFFERENCES.some((each) => each.type.test(type) && each.path.test(path)))
    .map((path) => `${type} ${path}: ${mine.get(path) ?? "absent"}, official ${official.get(path) ?? "absent"}`);
}

test.each(["local", "local-private-network", "staging", "prod"])("checks %s as the official provider does", (stack) => {
  const engine = new Engine(googleAt("http://127.0.0.1:1"));
  const found = recorded(stack).flatMap(({ type, name, inputs }) =>
    compare(type, engine.check(engine.urn(type, name), program(inputs) as Fields), inputs, true),
  );
  expect([...new Set(found)]).toEqual([]);
});

test("knows in a preview the member of a service account, as the official provider does", async () => {
  const google = googleAt("http://127.0.0.1:1", undefined, "fusion-prime");
  const engine = new Engine(google);
  const urn = engine.urn("gcp:serviceaccount/account:Account");
  const news = engine.check(urn, { accountId: "settlement-service" });
  const { outputs } = await engine.provider.create({ urn, google, news, preview: true });
  expect(recorded("prod").map((each) => each.inputs.member)).toContain(outputs.member);
});

describe.each(["local", "local-private-network"])("%s", (stack) => {
  const folder = mkdtempSync(join(tmpdir(), "official-"));
  let cloud: EmbeddedCloud;

  beforeAll(async () => {
    const hello = "require('http').createServer((request, response) => response.end()).listen(process.env.PORT)";
    const image = "us-central1-docker.pkg.dev/settlement-local/settlement/settlement-service";
    const images = { [image]: { command: process.execPath, args: ["-e", hello] } };
    cloud = await startCloud({ folder, projects: ["settlement-local"], images });
  });
  afterAll(async () => {
    await cloud.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("is created as by the official provider", async () => {
    const engine = new Engine(googleAt(cloud.url, cloud.identities.ownerToken, "settlement-local"));
    const found = new Set<string>();
    for (const { type, name, inputs, outputs } of recorded(stack).sort((a, b) => rank(a) - rank(b))) {
      const made = await engine.create(type, program(inputs) as Fields, name);
      for (const line of compare(type, { id: made.id, ...made.outputs }, outputs, false)) found.add(line);
    }
    expect([...found]).toEqual([]);
  });
});
