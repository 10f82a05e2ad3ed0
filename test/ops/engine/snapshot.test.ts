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
