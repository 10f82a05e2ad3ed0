import { ConfigError, parseConfig } from "../../infra/config.ts";
import { CONFIG, declare, named, PASSWORDS, waitsFor } from "./declared.ts";

const IMAGE = "gcr.io/fusion-prime/settlement-migration:1";
const ACCOUNT = "settlement-service@fusion-prime.iam.gserviceaccount.com";

test("declares no migration job unless the configuration does", async () => {
  const { resources } = await declare();
  expect(resources.filter(({ type }) => /job/i.test(type))).toEqual([]);
});

describe("the migration job", () => {
  let resources: Awaited<ReturnType<typeof declare>>["resources"];
  beforeAll(async () => {
    ({ resources } = await declare({ migrationJob: { image: IMAGE } }));
  });

  test("has the account, connection string and socket of the service, and is never retried automatically", () => {
    const job = named(resources, "settlement-migration-job");
    expect(job.inputs).toMatchObject({
      name: "settlement-migration",
      location: "us-central1",
      deletionProtection: false,
      labels: { app: "settlement", environment: "prod" },
      template: {
        template: {
          serviceAccount: ACCOUNT,
          maxRetries: 0,
          timeout: "86400s",
          volumes: [
            {
              name: "cloudsql",
              cloudSqlInstance: { instances: ["fusion-prime:us-central1:fusion-prime-db-a504713e"] },
            },
          ],
          containers: [
            {
              image: IMAGE,
              envs: [
                {
                  name: "DATABASE_URL",
                  valueSource: { secretKeyRef: { secret: "settlement-db-connection-string", version: "7" } },
                },
              ],
              volumeMounts: [{ name: "cloudsql", mountPath: "/cloudsql" }],
            },
          ],
        },
      },
    });
    for (const password of Object.values(PASSWORDS)) expect(JSON.stringify(job.inputs)).not.toContain(password);
    expect(job.protect).toBe(false);
  });

  test("waits for its bindings, but not for the schema or the service", () => {
    const waits = waitsFor(resources, "settlement-migration-job");
    expect([...waits]).toEqual(
      expect.arrayContaining([
        "settlement-run",
        "settlement-cloudsql-client",
        "settlement-db-connection-string-accessor",
        "settlement-db-connection-string-version",
      ]),
    );
    expect([...waits]).not.toEqual(expect.arrayContaining(["settlement-schema"]));
    expect([...waits]).not.toEqual(expect.arrayContaining(["settlement-service"]));
  });
});

test.each([
  [true, "settlement:migrationJob is true; expected an object with image."],
  [{}, "settlement:migrationJob.image is missing; expected an image, such as HOST/PROJECT/NAME:TAG."],
  [{ image: IMAGE, retries: 1 }, "settlement:migrationJob.retries is not a key of this program; remove it."],
])("rejects the configuration %j", (migrationJob, sentence) => {
  expect(() => parseConfig({ ...CONFIG, migrationJob })).toThrow(ConfigError);
  expect(() => parseConfig({ ...CONFIG, migrationJob })).toThrow(sentence);
});
