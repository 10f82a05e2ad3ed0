import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { policies } from "../../policies/pack.ts";
import { inLongForm } from "../long-form.ts";
import { inEngine } from "./cases.ts";
import { judge } from "./declare.ts";
import { type Echo, GENERATED_PASSWORD, startEcho } from "./echo.ts";
import { type Run, run, type RunOptions } from "./engine.ts";
import { ACCOUNT, bucket, CONNECTION_NAME, container, instance, VPC_ACCESS } from "./good.ts";
import { declareResources } from "./program.ts";
import { FORMS } from "./strangers/connection-strings.ts";

jest.setTimeout(120_000);

const mandatory = policies.filter(({ level }) => level === "mandatory");

describe("the real engine", () => {
  let echo: Echo;
  let providers: string;
  beforeAll(async () => {
    echo = await startEcho();
    providers = ["gcp", "random", "kubernetes", "pulumi-nodejs"].map((name) => `${name}:${echo.port}`).join(",");
  });
  afterAll(() => {
    echo.stop();
  });

  describe("in one preview of many programs", () => {
    const all = inEngine.flatMap(({ breaks, passes }, index) => [
      { name: `${index}-unsafe`, declared: breaks },
      { name: `${index}-sound`, declared: passes },
    ]);
    const programs = [...new Map(all.map((program) => [JSON.stringify(program.declared), program])).values()];
    const found = new Map<string, string[]>();
    let preview: Run;
    beforeAll(async () => {
      const traced = Error.stackTraceLimit;
      Error.stackTraceLimit = 0; // The SDK takes a stack trace for each promise.
      const program = async () => {
        for (const { name, declared } of programs) declareResources(name, declared);
      };
      preview = await run({
        stack: "programs",
        providers,
        program,
        pack: "test/policies/partitioned",
        config: { "gcp:project": "fusion-prime" },
      });
      Error.stackTraceLimit = traced;
      for (const { policyName = "", resourceUrn = "", message = "" } of preview.violations) {
        const [, name = "", resource = ""] = /::(\d+-[a-z]+)-([^:]*)$/.exec(resourceUrn) ?? [];
        found.set(name, [...(found.get(name) ?? []), `${policyName} ${resource} ${message.trim()}`].sort());
      }
    });

    test("fails and creates nothing", () => {
      expect(preview.succeeded).toBe(false);
      expect(echo.created).toEqual([]);
    });

    test.each(programs)("says what the tests of each policy expect, of $name", ({ name, declared }) => {
      const sentences = new Map(policies.map((policy) => [policy.name, policy.sentence]));
      const expected = judge(declared).map(
        ({ policy, resource, message }) => `${policy} ${resource} ${sentences.get(policy) ?? ""}\n${message}`,
      );
      expect(found.get(name) ?? []).toEqual(expected.sort());
    });

    inLongForm("is of at least 150 unsafe programs and as many sound ones", () => {
      expect(inEngine.length).toBeGreaterThanOrEqual(150);
    });

    test.each(mandatory)("shows the level, the severity and the sentence of $name", ({ name, sentence, severity }) => {
      expect(preview.output).toMatch(new RegExp(`\\[mandatory\\] \\[severity: ${severity}\\] +${name} `));
      expect(preview.violations).toContainEqual(
        expect.objectContaining({
          policyName: name,
          enforcementLevel: "mandatory",
          message: expect.stringContaining(sentence) as string,
        }),
      );
    });

    test("checks what it can despite unknown values", () => {
      expect(preview.output).not.toContain("can't run policy");
    });

    test("prints no credential", () => {
      expect(preview.output).not.toMatch(/hunter2|generated[12]/);
    });
  });

  describe("with violations that no preview can see", () => {
    const user = (password: pulumi.Output<string>) => {
      return new gcp.sql.User("user", { name: "shop_user", instance: goodInstance().name, password });
    };
    const keep = (name: string, secretData: pulumi.Output<string>) => {
      new gcp.secretmanager.SecretVersion(name, { secret: "projects/fusion-prime/secrets/url", secretData });
    };

    const bare = { ...bucket({ labels: { app: "shop", environment: "prod" } }), name: "bucket" };

    const mistakes: readonly { what: string; policy: string; program: () => void }[] = [
      {
        what: "a zone in a connection string that is unknown until the password exists",
        policy: "connection-name-format",
        program: () => {
          const dependsOn = declareResources("bare", [bare]);
          const { result } = new random.RandomPassword("zone-password", { length: 25 }, { dependsOn });
          keep(
            "zone",
            pulumi.interpolate`postgresql://u:${result}@/db?host=/cloudsql/fusion-prime:us-central1-a:shop-db`,
          );
        },
      },
      {
        what: "a password that differs in the connection string",
        policy: "one-password",
        program: () => {
          const { result } = new random.RandomPassword("changed-password", { length: 25 });
          const { name } = user(result);
          keep(
            "changed",
            pulumi.interpolate`postgresql://${name}:${result}1@/db?host=/cloudsql/fusion-prime:us-central1:shop-db`,
          );
        },
      },
    ];

    let output = "";

    test("accepts the preview, and an exception in a configuration file", async () => {
      const program = async () => {
        for (const mistake of mistakes) mistake.program();
        new random.RandomPassword("legacy", { length: 16 });
      };
      const exception = { resource: "legacy", reason: "Moved by the end of the year", until: "9999-12-31" };
      const config = { "password-length": { exceptions: [exception] } };
      const preview = await withConfig(config, { stack: "update", providers, program });
      expect(preview.violations).toEqual([]);
      expect(preview.succeeded).toBe(true);
      expect(preview.output).not.toContain(GENERATED_PASSWORD);
    });

    test.each(mistakes)("stops the update before it stores $what", async ({ policy, program }) => {
      const before = echo.created.length;
      const update = await withConfig(
        { "default-labels": "remediate" },
        {
          stack: "update",
          providers,
          program: async () => {
            program();
          },
          update: true,
        },
      );
      output += update.output;
      expect(update.succeeded).toBe(false);
      expect(update.violations.map(({ policyName }) => policyName)).toEqual([policy]);
      const created = echo.created.slice(before).map(({ type }) => type);
      expect(created).toContain("random:index/randomPassword:RandomPassword");
      expect(created).not.toContain("gcp:secretmanager/secretVersion:SecretVersion");
      expect(update.output).not.toContain(GENERATED_PASSWORD);
    });

    test("finishes the update of a sound program, with connection strings in every form", async () => {
      const update = await run({ stack: "sound", providers, program: manyForms, update: true });
      expect(update.violations.filter(({ enforcementLevel }) => enforcementLevel === "mandatory")).toEqual([]);
      expect(update.succeeded).toBe(true);
      expect(update.output).not.toContain(GENERATED_PASSWORD);
    });

    test("adds a missing label to a resource", () => {
      const { inputs } = echo.created.find(({ type }) => type === bare.type) ?? {};
      expect(inputs?.labels).toEqual({ app: "shop", environment: "prod", "managed-by": "pulumi" });
      expect(output).toMatch(/\[remediate\].*default-labels/);
    });
  });

  test("refuses a configuration file that does not match the schema", async () => {
    const program = async () => undefined;
    const config = { "password-length": { length: "long", exceptions: [{ resource: "legacy" }] } };
    const refused = await withConfig(config, { stack: "configured", providers, program });
    expect(refused.succeeded).toBe(false);
    expect(refused.output).toMatch(/password-length: length: Invalid type. Expected: integer, given: string/);
    expect(refused.output).toMatch(/password-length: exceptions.0: reason is required/);
  });
});

/** Runs a program with a policy configuration. */
async function withConfig(config: unknown, options: Omit<RunOptions, "policyConfig">): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), "policies-"));
  try {
    const policyConfig = join(folder, "config.json");
    writeFileSync(policyConfig, JSON.stringify(config));
    return await run({ ...options, policyConfig });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A job that reads the same login in every form, from strings that are known only when the password exists. */
async function manyForms(): Promise<void> {
  const { result: password } = new random.RandomPassword("password", { length: 25 });
  const instance = goodInstance();
  const project = "fusion-prime";
  const login = { instance: instance.name, project };
  new gcp.sql.Database("database", { ...login, name: "shop" }, { protect: true });
  new gcp.sql.User("user", { ...login, name: "shop_user", password });
  const account = new gcp.serviceaccount.Account("account", { accountId: "shop", project });
  const member = `serviceAccount:${ACCOUNT}`;
  const client = new gcp.projects.IAMMember("client", { project, role: "roles/cloudsql.client", member });
  const envs = Object.values(FORMS).map((form, index) => {
    const secret = new gcp.secretmanager.Secret(`url-${index}`, {
      secretId: `url-${index}`,
      project,
      replication: { auto: {} },
    });
    const secretData = password.apply((known) => form("shop", known));
    const { version } = new gcp.secretmanager.SecretVersion(`url-${index}`, { secret: secret.secretId, secretData });
    const role = "roles/secretmanager.secretAccessor";
    new gcp.secretmanager.SecretIamMember(`url-${index}`, { secretId: secret.secretId, role, member });
    return { name: `URL_${index}`, valueSource: { secretKeyRef: { secret: secret.secretId, version } } };
  });
  const volumes = [{ name: "cloudsql", cloudSqlInstance: { instances: [CONNECTION_NAME] } }];
  const containers = [{ ...container([]), envs }];
  const template = { serviceAccount: ACCOUNT, vpcAccess: VPC_ACCESS, volumes, containers };
  new gcp.cloudrunv2.Job("job", { location: "us-central1", template: { template } }, { dependsOn: [account, client] });
}

/** A compliant instance. */
function goodInstance(): gcp.sql.DatabaseInstance {
  const props = instance().props as unknown as gcp.sql.DatabaseInstanceArgs;
  return new gcp.sql.DatabaseInstance("instance", props, { protect: true });
}
