import { importIds } from "../../../packages/pulumi-google-stand-in/gcp/paths.ts";

const defaults = { project: "fusion-prime", region: "us-central1" };

describe("an import id", () => {
  const secrets = importIds("projects/{project}/secrets/{secretId}");
  const services = importIds("projects/{project}/locations/{location}/services/{name}");

  test.each([
    ["projects/p/secrets/key", "p"],
    ["p/key", "p"],
    ["key", "fusion-prime"],
  ])("names the secret: %s", (id, project) => {
    expect(secrets.parseId(id, defaults)).toEqual({ project, secretId: "key" });
  });

  test.each([
    ["projects/p/locations/europe-west1/services/shop", "p", "europe-west1"],
    ["p/europe-west1/shop", "p", "europe-west1"],
    ["europe-west1/shop", "fusion-prime", "europe-west1"],
    ["shop", "fusion-prime", "us-central1"],
  ])("names the service: %s", (id, project, location) => {
    expect(services.parseId(id, defaults)).toEqual({ project, location, name: "shop" });
  });

  test("is refused if it has too many parts, or the provider has no project", () => {
    expect(secrets.parseId("a/b/c", defaults)).toBeUndefined();
    expect(secrets.parseId("key", { project: undefined, region: undefined })).toBeUndefined();
  });
});
