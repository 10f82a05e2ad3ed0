import { NotVisible, type Reader } from "../../../ops/google/reader.ts";
import { disabledApis } from "../../../ops/preview/disabled-apis.ts";
import { APIS } from "../../../infra/api-names.ts";

describe("the APIs that a refresh must enable first", () => {
  const api = (component: string, name: string) => {
    const inputs = { service: `${name}.googleapis.com` };
    const type = "gcp:projects/service:Service";
    return { urn: `urn:pulumi:test::settlement::${component}$${type}::settlement-${name}`, type, inputs };
  };
  const resources = [api("Network", "compute"), api("Apis", "iam")];
  /** Reads what a project has. */
  const reader = (enabled: readonly string[]): Reader => ({
    read: <T>() => {
      const services = enabled.map((name) => ({ config: { name: `${name}.googleapis.com` } }));
      return Promise.resolve({ services } as T);
    },
  });
  const found = async (enabled: readonly string[]) =>
    (await disabledApis(resources, "p", reader(enabled))).map(({ urn }) => urn.split("::").slice(2).join("::"));

  test("are none if all are enabled, or nothing can be seen", async () => {
    expect(await found([...APIS, "compute"])).toEqual([]);
    expect(await disabledApis([], "p", reader([]))).toEqual([]);
    const blind: Reader = { read: () => Promise.reject(new NotVisible("permission denied")) };
    expect(await disabledApis(resources, "p", blind)).toEqual([]);
  });

  test("are those of the state, and those that an interrupted refresh removed from it", async () => {
    expect(await found(APIS.filter((name) => name !== "run"))).toEqual([
      "Network$gcp:projects/service:Service::settlement-compute",
      "Apis$gcp:projects/service:Service::settlement-run",
    ]);
  });
});
