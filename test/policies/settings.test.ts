import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { configOf, parseConfig } from "../../policies/config.ts";
import { policies } from "../../policies/pack.ts";
import { Operation } from "../../policies/engine/operation.ts";
import { judge, UNKNOWN_TEXT } from "./declare.ts";
import {
  bucket,
  CONNECTION_NAME,
  container,
  generated,
  grant,
  instance,
  schema,
  service,
  stack,
  stackWithout,
  user,
  version,
} from "./good.ts";

/** Names of the policies that report a violation under a configuration. */
function broken(declared: Parameters<typeof judge>[0], config: Parameters<typeof parseConfig>[0] = {}): string[] {
  return [...new Set(judge(declared, { config: parseConfig(config) }).map(({ policy }) => policy))];
}

describe("settings", () => {
  test.each([
    {
      what: "public services",
      declared: [
        grant("roles/run.invoker", "allUsers", "gcp:cloudrunv2/serviceIamMember:ServiceIamMember", { name: "shop" }),
      ],
      strict: { "public-invoker": { services: ["another"] } },
      loose: { "public-invoker": { services: ["shop"] } },
    },
    {
      what: "what is public, by a pattern",
      declared: [
        grant("roles/storage.objectViewer", "allUsers", "gcp:storage/bucketIAMMember:BucketIAMMember", {
          bucket: "site-1a2b3c4",
        }),
        grant("roles/run.invoker", "allUsers", "gcp:cloudrunv2/serviceIamMember:ServiceIamMember", {
          name: "site-1a2b3c4",
        }),
      ],
      strict: { "no-public-members": { public: ["site"] }, "public-invoker": { services: ["*.site"] } },
      loose: { "no-public-members": { public: ["site-*"] }, "public-invoker": { services: ["site-*"] } },
    },
    {
      what: "regions",
      declared: [bucket({ location: "EUROPE-WEST1" })],
      strict: { "allowed-regions": { regions: ["us-central1"] } },
      loose: { "allowed-regions": { regions: ["us-central1", "europe-west1"] } },
    },
    {
      what: "CPUs of an instance",
      declared: [instance({ tier: "db-custom-8-30720" })],
      strict: { "cost-limits": { cpus: 4 } },
      loose: { "cost-limits": { cpus: 8 } },
    },
    {
      what: "a standby",
      declared: [instance()],
      strict: { "cost-limits": { regional: false } },
      loose: { "cost-limits": { regional: true } },
    },
    {
      what: "instances of a service",
      declared: stack(service({ scaling: { maxInstanceCount: 80 } })),
      strict: { "cost-limits": { instances: 20 } },
      loose: { "cost-limits": { instances: 80 } },
    },
    {
      what: "connections per instance of a service",
      declared: stack(service({ scaling: { maxInstanceCount: 10 } })),
      strict: { "database-connection-budget": { pool: 10 } },
      loose: { "database-connection-budget": { pool: 9 } },
    },
    {
      what: "connections left for others",
      declared: stack(service({ scaling: { maxInstanceCount: 95 } })),
      strict: { "database-connection-budget": { reserve: 6 } },
      loose: { "database-connection-budget": { reserve: 5 } },
    },
    {
      what: "a required schema",
      declared: stackWithout("schema"),
      strict: { "schema-before-service": { required: true } },
      loose: { "schema-before-service": { required: false } },
    },
    {
      what: "the length of passwords",
      declared: [generated("password", 25)],
      strict: { "password-length": { length: 32 } },
      loose: { "password-length": { length: 25 } },
    },
    {
      what: "the variable of the connection string",
      declared: stack(service({ containers: [container([{ name: "DB_USER", value: "shop_user" }])] })),
      strict: { "database-url-from-secret-manager": { variable: "DATABASE_URL" } },
      loose: { "database-url-from-secret-manager": {} },
    },
    {
      what: "the form of the connection string",
      declared: stack(
        user("generated1"),
        version(`postgresql://shop_user:generated1@localhost/shop?host=/cloudsql/${CONNECTION_NAME}`),
      ),
      strict: { "database-url-matches-stack": { strict: true } },
      loose: { "database-url-matches-stack": {} },
    },
    {
      what: "a socket that a string may not need",
      declared: stack(service({ volumes: [] })),
      strict: { "database-url-socket-mounted": { required: true } },
      loose: { "database-url-socket-mounted": {} },
    },
    {
      what: "a level",
      declared: [instance({ availabilityType: "ZONAL" })],
      strict: { "database-regional": "mandatory" },
      loose: { "database-regional": "disabled" },
    },
  ])("decide about $what", ({ declared, strict, loose }) => {
    expect(broken(declared, strict)).toEqual(Object.keys(strict));
    expect(broken(declared, loose)).toEqual([]);
  });

  test("of regions are for a person to change: the message says where", () => {
    const config = parseConfig({ "allowed-regions": { regions: ["us-central1"] } });
    expect(judge([instance({}, { region: "us-east1" })], { only: "allowed-regions", config })).toEqual([
      expect.objectContaining({
        message:
          'region is us-east1; use us-central1, or, if data may lie there, add "us-east1" to allowed-regions.regions in policies/config.test.json (or the file of --policy-pack-config).',
      }),
    ]);
  });

  test("reject a misspelt name and quote it", () => {
    expect(() => parseConfig({ "password-lenght": "disabled" })).toThrow('there is no policy "password-lenght"');
    expect(() => parseConfig({ "password-length": { lenght: 30 } })).toThrow(/password-length: .*lenght/s);
  });

  test("keep the policy's level", () => {
    expect(parseConfig({ "password-length": { length: 30 } })).toEqual({
      "password-length": { length: 30, enforcementLevel: "advisory" },
    });
  });
});

describe("a stack's configuration file", () => {
  const stacks = readdirSync(join(import.meta.dirname, "../../policies")).flatMap(
    (file) => /^config\.([a-z]+)\.json$/.exec(file)?.[1] ?? [],
  );

  test.each(stacks)("is valid for %s", (name) => {
    expect(Object.keys(configOf("settlement", name))).not.toEqual([]);
  });

  test("exists for every environment and disables nothing in prod", () => {
    expect(stacks).toEqual(["local", "prod", "staging"]);
    expect(readFileSync(join(import.meta.dirname, "../../policies/config.prod.json"), "utf8")).not.toMatch(
      /disabled|advisory/,
    );
  });

  test.each(stacks)("makes every rule of posture mandatory in %s, or disables it", (name) => {
    const house = policies.filter(({ level }) => level === "advisory").map((policy) => policy.name);
    const own = configOf("settlement", name);
    const advisory = house.filter(
      (policy) =>
        (own[policy] as { enforcementLevel?: string } | undefined)?.enforcementLevel === undefined ||
        (own[policy] as { enforcementLevel?: string }).enforcementLevel === "advisory",
    );
    expect(advisory.sort()).toEqual(
      ["allowed-regions", "cost-limits", "required-labels", "workload-on-primary"].filter((policy) =>
        advisory.includes(policy),
      ),
    );
  });

  test("applies only to this project's stacks", () => {
    expect(configOf("another", "local")).toEqual({});
    expect(configOf("settlement", "another")).toEqual({});
  });
});

describe("an exception", () => {
  const declared = [{ ...bucket({ versioning: undefined }), name: "old" }, bucket({ versioning: undefined })];
  const accepted = (until: string) => ({
    "bucket-versioning": { exceptions: [{ resource: "old", reason: "Emptied in spring", until }] },
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  test("holds until the end of its last day, only for its resource", () => {
    jest.useFakeTimers({ now: new Date("2026-03-31T23:59:59Z") });
    expect(judge(declared, { config: parseConfig(accepted("2026-03-31")) }).map(({ resource }) => resource)).toEqual([
      "bucket",
    ]);
  });

  test("is mentioned in the violation after it ended", () => {
    jest.useFakeTimers({ now: new Date("2026-04-01T00:00:00Z") });
    expect(judge(declared, { config: parseConfig(accepted("2026-03-31")) })).toContainEqual({
      policy: "bucket-versioning",
      resource: "old",
      message: expect.stringContaining('(The exception "Emptied in spring" ended on 2026-03-31.)') as string,
    });
  });

  test("requires a reason and a day", () => {
    const without = { "bucket-versioning": { exceptions: [{ resource: "old", until: "soon" }] } };
    expect(() => parseConfig(without)).toThrow(/reason[\s\S]*until|until[\s\S]*reason/);
  });
});

describe("the remedy for labels", () => {
  const labels = policies.find(({ name }) => name === "default-labels")?.during(new Operation());
  const remediateResource = labels && "remediateResource" in labels ? labels.remediateResource : undefined;
  const remedy = (declared: ReturnType<typeof bucket>) => {
    const props = JSON.parse(JSON.stringify(declared.props)) as Record<string, unknown>;
    return remediateResource?.({ type: declared.type, props, getConfig: () => ({}) } as never);
  };

  test("adds a missing label and keeps the others", () => {
    expect(remedy(bucket({ labels: { app: "shop" } }))).toMatchObject({
      labels: { app: "shop", "managed-by": "pulumi" },
    });
    expect(remedy(instance({ userLabels: undefined }))).toMatchObject({
      settings: { userLabels: { "managed-by": "pulumi" } },
    });
  });

  test("changes nothing else", () => {
    expect(remedy(bucket({ labels: { "managed-by": "terraform" } }))).toBeUndefined();
    expect(remedy(schema())).toBeUndefined();
  });
});

test("unknown values neither stop a policy nor count as violations", () => {
  const hidden = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(hidden);
    if (typeof value !== "object" || value === null) return UNKNOWN_TEXT;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, hidden(inner)]));
  };
  const blind = stack().map((one) => ({ ...one, props: hidden(one.props) as typeof one.props }));
  expect(judge(blind)).toEqual([]);
  const blinder = stack().map((one) => ({
    ...one,
    props: Object.fromEntries(Object.keys(one.props).map((key) => [key, UNKNOWN_TEXT])),
  }));
  expect(judge(blinder)).toEqual([]);
});
