import { readConfiguration } from "../../../packages/pulumi-google-stand-in/endpoints.ts";
import { Google } from "../../../packages/pulumi-google-stand-in/google.ts";
import { Engine } from "./engine.ts";

test("the stack's configuration takes precedence over the environment", () => {
  const env = {
    GOOGLE_PROJECT: "from-env",
    GOOGLE_REGION: "us-central1",
    GOOGLE_SQL_CUSTOM_ENDPOINT: "http://[::1]:1/",
  };
  const read = readConfiguration(
    { project: "from-stack", storageCustomEndpoint: "http://localhost:2/storage/v1/" },
    env,
  );
  expect(read).toMatchObject({ project: "from-stack", region: "us-central1" });
  expect(read.endpoints.sql?.href).toBe("http://[::1]:1/");
  expect(read.endpoints.storage?.href).toBe("http://localhost:2/storage/v1/");
});

test.each([
  "https://sqladmin.googleapis.com/sql/v1beta4/",
  "http://10.0.0.1:8085/",
  "http://127.0.0.1.example.com/",
  "http://localhost@example.com/",
  "http://127.0.0.1@example.com/",
  "http://[::2]/",
  "http://0.0.0.0/",
  "not a URL",
])("refuses an endpoint that is not on this machine: %s", (url) => {
  expect(() => readConfiguration({ sqlCustomEndpoint: url }, {})).toThrow(
    /only calls this machine, but gcp:sqlCustomEndpoint \(GOOGLE_SQL_CUSTOM_ENDPOINT\)/,
  );
});

describe("without endpoints", () => {
  const engine = new Engine(new Google(readConfiguration({ project: "fusion-prime" }, {})));
  const program = { secretId: "db", replication: { auto: {} } };
  const type = "gcp:secretmanager/secret:Secret";

  test("previews work", async () => {
    const urn = engine.urn(type);
    const news = engine.check(urn, program);
    const { outputs } = await engine.provider.create({ urn, google: engine.google, news, preview: true });
    expect(outputs).toMatchObject(program);
  });

  test("every other request fails with what to install", async () => {
    const says =
      /stand-in gcp provider.*never with a real project.*no endpoint for Secret Manager.*pulumi plugin install/;
    const resource = {
      urn: engine.urn(type),
      id: "x",
      inputs: program,
      outputs: { ...program, project: "fusion-prime" },
    };
    await expect(engine.create(type, program)).rejects.toThrow(says);
    await expect(engine.refresh(resource)).rejects.toThrow(says);
    await expect(engine.update(resource, { ...program, labels: { a: "b" } })).rejects.toThrow(says);
    await expect(engine.delete(resource)).rejects.toThrow(says);
  });

  test("requires a project", () => {
    const nowhere = new Engine(new Google(readConfiguration({}, {})));
    expect(() => nowhere.check(nowhere.urn(type), program)).toThrow(
      'missing required property "project": set it, or gcp:project in the stack\'s configuration',
    );
  });
});

test("names a server that does not answer, without the token", async () => {
  const args = { project: "p", accessToken: "t0ken", secretManagerCustomEndpoint: "http://127.0.0.1:1/v1/" };
  const google = new Google(readConfiguration(args, {}));
  const failed = google.call("secretManager", "GET", "projects/p/secrets");
  await expect(failed).rejects.toThrow(
    /^Secret Manager, GET projects\/p\/secrets: http:\/\/127\.0\.0\.1:1 does not answer/,
  );
  await expect(failed).rejects.not.toThrow("t0ken");
});
