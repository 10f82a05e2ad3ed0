import { execFileSync } from "node:child_process";
import { effectOf, noticed, restarts } from "../../../ops/preview/effects.ts";
import { findLosses } from "../../../ops/preview/guard.ts";
import { readEvents } from "../../../ops/preview/model.ts";
import { checkFlags } from "../../../packages/embedded-google-cloud/apis/cloudsql/flags.ts";
import { installedBinaries } from "../../../packages/embedded-google-cloud/postgres/binaries.ts";
import { type Declared, replacement, step, types } from "./engine.ts";

const instance: Declared = { type: types.instance, name: "instance", component: "Database", id: "p/i" };
const address = (ipConfiguration: object) => ({ settings: { ipConfiguration } });

describe("what users notice", () => {
  test.each<[string, string, string | undefined, string | undefined, string | undefined]>([
    [types.instance, "databaseVersion", '"POSTGRES_16"', '"POSTGRES_17"', "takes the instance down for minutes"],
    [types.instance, "settings.activationPolicy", '"ALWAYS"', '"NEVER"', "stops the instance"],
    [types.instance, "settings.activationPolicy", '"NEVER"', undefined, "starts the instance"],
    [types.instance, "settings.tier", '"a"', '"b"', "restarts the instance"],
    [types.instance, "settings.userLabels.app", '"a"', '"b"', undefined],
    [types.instance, "settings.databaseFlags[max_connections].value", '"100"', '"200"', "restarts the instance"],
    [types.instance, "settings.databaseFlags[work_mem].value", '"100"', '"200"', undefined],
    [
      types.instance,
      "settings.connectionPoolConfigs[0].connectionPoolingEnabled",
      undefined,
      "true",
      "restarts the instance",
    ],
    [types.instance, "settings.ipConfiguration.privateNetwork", undefined, '"n"', "restarts the instance"],
    [types.instance, "settings.ipConfiguration.ipv4Enabled", "true", "false", "refuses clients"],
    [types.instance, "settings.ipConfiguration.ipv4Enabled", "false", "true", undefined],
    [types.instance, "settings.ipConfiguration.sslMode", undefined, '"ENCRYPTED_ONLY"', "refuses clients"],
    [
      types.instance,
      "settings.ipConfiguration.sslMode",
      '"ENCRYPTED_ONLY"',
      '"ALLOW_UNENCRYPTED_AND_ENCRYPTED"',
      undefined,
    ],
    [types.instance, "settings.connectorEnforcement", '"REQUIRED"', '"NOT_REQUIRED"', undefined],
    [
      types.instance,
      "settings.ipConfiguration.authorizedNetworks[0].value",
      '"1.2.3.4/32"',
      undefined,
      "refuses clients",
    ],
    [types.instance, "settings.ipConfiguration.authorizedNetworks[0].value", undefined, '"1.2.3.4/32"', undefined],
    [types.service, "ingress", '"INGRESS_TRAFFIC_ALL"', '"INGRESS_TRAFFIC_INTERNAL_ONLY"', "refuses clients"],
    [types.service, "template.scaling.minInstanceCount", "0", "1", undefined],
    [types.user, "password", "[secret]", "[secret]", "refuses clients with the former password"],
  ])("of %s with %s from %s to %s is: %s", (type, path, before, after, effect) => {
    expect(effectOf(type, { path, before, after })).toBe(effect);
  });

  test("of a change is listed once, with its properties", () => {
    const settings = (tier: string, edition: string) => ({ settings: { tier, edition, userLabels: { tier } } });
    const { changes } = readEvents([
      step("update", instance, { before: settings("a", "x"), after: settings("b", "y") }),
      step("create", { ...instance, name: "new" }, { after: settings("a", "x") }),
    ]);
    expect(noticed(changes).map(({ effect, paths }) => [effect, paths])).toEqual([
      ["restarts the instance", ["settings.edition", "settings.tier"]],
    ]);
  });

  // hashicorp/terraform-provider-google, resource_sql_database_instance.go: privateNetworkCustomizeDiff
  test("of a private network that is removed is a new instance, and the guard blocks", () => {
    const preview = readEvents(
      replacement(instance, address({ ipv4Enabled: false, privateNetwork: "n" }), address({ ipv4Enabled: true }), [
        "settings.ipConfiguration.privateNetwork",
      ]),
    );
    expect(noticed(preview.changes).map(({ effect, paths }) => [effect, paths])).toEqual([
      ["replaces it: users get errors until the new one is ready", ["settings.ipConfiguration.privateNetwork"]],
    ]);
    expect(findLosses(preview, [])).toMatchObject([{ allowed: false }]);
  });
});

test("a flag restarts the instance if PostgreSQL reads it at startup", () => {
  const [newest] = installedBinaries();
  const described = execFileSync(newest?.postgres ?? "", ["--describe-config"], { encoding: "utf8" });
  const flags = described
    .trim()
    .split("\n")
    .map((line) => line.split("\t"))
    .filter(([name = ""]) => isSupported(name));
  expect(flags.length).toBeGreaterThan(100);
  for (const [name = "", context] of flags) expect([name, restarts(name)]).toEqual([name, context === "postmaster"]);
});

function isSupported(name: string): boolean {
  try {
    checkFlags([{ name, value: "" }]);
    return true;
  } catch {
    return false;
  }
}
