import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { policies } from "../../policies/pack.ts";
import { cases } from "./cases.ts";
import type { Declared } from "./declare.ts";
import { type Echo, GENERATED_PASSWORD, startEcho } from "./echo.ts";
import { type Run, run, type RunOptions } from "./engine.ts";
import { bucket, instance } from "./good.ts";

jest.setTimeout(120_000);

const mandatory = policies.filter(({ level }) => level === "mandatory");

describe("the real engine", () => {
  let echo: Echo;
  let providers: string;
  beforeAll(async () => {
    echo = await startEcho();
    providers = ["gcp", "random", "pulumi-nodejs"].map((name) => `${name}:${echo.port}`).join(",");
  });
  afterAll(() => {
    echo.stop();
  });

  describe("in the preview of a program that violates every mandatory policy", () => {
    let broken: Run;
    beforeAll(async () => {
      const program = async () => {
        for (const { name } of mandatory) declare(name, cases.find(({ policy }) => policy === name)?.breaks ?? []);
      };
      broken = await run({ stack: "broken", providers, program });
    });

    test("fails and creates nothing", () => {
      expect(broken.succeeded).toBe(false);
      expect(echo.created).toEqual([]);
    });

    test.each(mandatory)("says what to do about $name", ({ name, sentence, severity }) => {
      expect(broken.output).toMatch(new RegExp(`\\[mandatory\\] \\[severity: ${severity}\\] +${name} `));
      const reported = broken.violations.filter(({ policyName }) => policyName === name);
      expect(reported.map(({ message }) => message).join("\n")).toMatch(
        cases.find(({ policy }) => policy === name)?.says ?? /^$/,
      );
      expect(reported).toContainEqual(
        expect.objectContaining({
          enforcementLevel: "mandatory",
          message: expect.stringContaining(sentence) as string,
          resourceUrn: expect.stringContaining(`::${name}-`) as string,
        }),
      );
    });

    test("checks what it can despite unknown values", () => {
      expect(broken.output).not.toContain("can't run policy");
    });

    test("prints no credential", () => {
      expect(broken.output).not.toMatch(/hunter2|generated[12]/);
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
          const dependsOn = declare("bare", [bare]);
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
      const update = await run({
        stack: "update",
        providers,
        program: async () => {
          program();
        },
        update: true,
      });
      output += update.output;
      expect(update.succeeded).toBe(false);
      expect(update.violations.map(({ policyName }) => policyName)).toEqual([policy]);
      const created = echo.created.slice(before).map(({ type }) => type);
      expect(created).toContain("random:index/randomPassword:RandomPassword");
      expect(created).not.toContain("gcp:secretmanager/secretVersion:SecretVersion");
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

/** A compliant instance. */
function goodInstance(): gcp.sql.DatabaseInstance {
  const props = instance().props as unknown as gcp.sql.DatabaseInstanceArgs;
  return new gcp.sql.DatabaseInstance("instance", props, { protect: true });
}

class Resource extends pulumi.CustomResource {}

/** Declares a test's resources in a real program, each after its dependencies. */
function declare(prefix: string, declared: readonly Declared[]): Resource[] {
  const created = new Map<string, Resource>();
  const isReady = ({ dependsOn = [], madeOf = {} }: Declared, rest: readonly Declared[]) =>
    [...dependsOn, ...Object.values(madeOf).flat()].every((name) => !rest.some((other) => other.name === name));
  const origins = (names: readonly string[] = []) => names.flatMap((name) => created.get(name) ?? []);
  const add = ({ type, name, props, protect = false, dependsOn, madeOf }: Declared) => {
    const values = Object.entries(props).map(([key, value]) => {
      const from = origins(madeOf?.[key]);
      return [key, from.length > 0 ? pulumi.all(from.map(({ urn }) => urn)).apply(() => value) : value] as const;
    });
    const options = { protect, dependsOn: origins(dependsOn) };
    created.set(name, new Resource(type, `${prefix}-${name}`, Object.fromEntries(values), options));
  };
  let rest = [...declared];
  while (rest.length > 0) {
    const ready = rest.filter((one) => isReady(one, rest));
    if (ready.length === 0) throw new Error(`The resources of ${prefix} have circular dependencies.`);
    ready.forEach(add);
    rest = rest.filter((one) => !ready.includes(one));
  }
  return [...created.values()];
}
