import { readFileSync } from "node:fs";
import { join } from "node:path";
import { secretContents, withoutSecrets } from "../../../ops/engine/snapshot.ts";
import type { State } from "../../../ops/engine/state.ts";

const PASSWORD = "Zq3fT9wLk2Vn8RbYx5Jm7Hd4s";
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";
const STRING = (password: string) =>
  `postgresql+asyncpg://settlement_user:${password}@/settlement_db?host=/cloudsql/p-roject:us-central1:db`;

const secret = (value: unknown) => ({ [SIGNATURE]: SECRET, plaintext: JSON.stringify(value) });

describe("a published state", () => {
  const deployment = {
    secrets_providers: { type: "cloud", state: { url: "gcpkms://projects/p", encryptedkey: "abc" } },
    resources: [
      { outputs: { result: secret(PASSWORD), bcryptHash: secret("$2a$10$abc") } },
      { inputs: { secretData: secret(STRING(PASSWORD)) } },
      { inputs: { labels: { app: "settlement" } }, outputs: { effectiveLabels: secret({ app: "settlement" }) } },
      { outputs: { certificates: secret([{ cert: "PEM", serial: 4711, expired: false }]), keep: null } },
    ],
  };
  const published = withoutSecrets({ version: 3, deployment } as unknown as State);
  const text = JSON.stringify(published);

  test("contains no secret in any form, and no key", () => {
    for (const found of [PASSWORD, "$2a$10$abc", "PEM", "4711", "gcpkms", "encryptedkey", "secrets_providers"])
      expect(text).not.toContain(found);
  });

  test("lists the resources that cannot be compared with it", () => {
    const version = "urn:pulumi:prod::settlement::gcp:secretmanager/secretVersion:SecretVersion::version";
    const resources = [
      { urn: version, type: "gcp:secretmanager/secretVersion:SecretVersion", inputs: {} },
      { urn: version.replaceAll("ecretVersion", "ecret"), type: "gcp:secretmanager/secret:Secret", inputs: {} },
    ];
    const state: State = { version: 3, deployment: { resources } };
    expect(secretContents({ commit: "c", time: "t", state })).toEqual([version]);
  });

  test("has the same placeholder for the same secret, so that the program's results match it", () => {
    const [generated, version, labels, certificate] = (published.deployment as unknown as typeof deployment).resources;
    expect(generated?.outputs).toEqual({ result: secret("placeholder1"), bcryptHash: secret("placeholder2") });
    expect(version?.inputs).toEqual({ secretData: secret(STRING("placeholder1")) });
    // A value that the state also has in plain text is no secret.
    expect(labels?.outputs).toEqual({ effectiveLabels: secret({ app: "settlement" }) });
    const { certificates, keep } = certificate?.outputs ?? {};
    expect(certificates).toEqual(secret([{ cert: "placeholder3", serial: "placeholder4", expired: "placeholder5" }]));
    expect(keep).toBeNull();
  });
});

describe.each(["local", "local-private-network"])("the published state of %s by the official provider", (stack) => {
  interface Resource {
    readonly inputs: Record<string, unknown>;
    readonly outputs: Record<string, unknown>;
  }
  const LABELS = ["pulumiLabels", "effectiveLabels"];
  const file = join(import.meta.dirname, "..", "..", "recorded", "official-provider", `${stack}.json`);
  const recorded = JSON.parse(readFileSync(file, "utf8")) as Resource[];
  let secrets = 0;
  /** A resource with its blanked secrets filled in; labels as the provider sends them to Google. */
  const filled = ({ inputs, outputs }: Resource): Resource => {
    const fill = (properties: Record<string, unknown>) =>
      Object.fromEntries(
        Object.entries(properties).map(([name, value]) => {
          if (value !== "[secret]") return [name, value];
          const labels = { ...(inputs.labels as object), "goog-pulumi-provisioned": "true" };
          return [
            name,
            secret(LABELS.includes(name) ? labels : [`hidden${secrets++}`, { deep: `hidden${secrets++}` }]),
          ];
        }),
      );
    return { inputs: fill(inputs), outputs: fill(outputs) };
  };
  const labelsOf = ({ outputs }: Resource) => LABELS.map((name) => outputs[name]);
  const publishedOf = (resources: readonly Resource[]) =>
    (
      withoutSecrets({ version: 3, deployment: { resources } } as unknown as State).deployment as unknown as {
        resources: Resource[];
      }
    ).resources;

  test("has the labels, so that a preview finds them unchanged, and no secret", () => {
    const resources = recorded.map(filled);
    const published = publishedOf(resources);
    expect(published.flatMap(labelsOf).filter(Boolean).length).toBeGreaterThan(7);
    expect(published.map(labelsOf)).toEqual(resources.map(labelsOf));
    expect(secrets).toBeGreaterThan(20);
    expect(JSON.stringify(published)).not.toContain("hidden");
  });

  test("has no label whose value is a secret", () => {
    const odd = { app: PASSWORD, "goog-pulumi-provisioned": "hidden" };
    const outputs = { effectiveLabels: secret(odd), password: secret("true") };
    const text = JSON.stringify(publishedOf([...recorded, { inputs: { labels: secret(odd) }, outputs }]).at(-1));
    for (const found of [PASSWORD, "hidden", "true"]) expect(text).not.toContain(found);
  });
});
