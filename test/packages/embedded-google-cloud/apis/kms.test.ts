import { Embedded, message, PROJECT } from "../embedded.ts";

const RINGS = `/v1/projects/${PROJECT}/locations/us-central1/keyRings`;
const KEYS = `${RINGS}/pulumi/cryptoKeys`;
const PREVIEWER = `settlement-previewer@${PROJECT}.iam.gserviceaccount.com`;

describe("Cloud KMS", () => {
  const embedded = new Embedded();
  const inAnHour = new Date(Date.now() + 3_600_000).toISOString();

  beforeAll(async () => {
    await embedded.start("cloudkms.googleapis.com", "iam.googleapis.com");
  });
  afterAll(() => embedded.remove());

  test("creates a key ring and a key once, and keeps them across a restart", async () => {
    expect((await embedded.get(`${RINGS}/pulumi`)).status).toBe(404);
    expect((await embedded.post(`${RINGS}?keyRingId=pulumi`)).body).toMatchObject({ name: `${RINGS.slice(4)}/pulumi` });
    expect((await embedded.post(`${RINGS}?keyRingId=pulumi`)).body).toMatchObject({
      error: { code: 409, status: "ALREADY_EXISTS" },
    });
    const key = { purpose: "ENCRYPT_DECRYPT", rotationPeriod: "7776000s", nextRotationTime: inAnHour };
    const made = (await embedded.post(`${KEYS}?cryptoKeyId=prod`, key)).body;
    expect(made).toMatchObject({
      ...key,
      name: `${KEYS.slice(4)}/prod`,
      destroyScheduledDuration: "2592000s",
      primary: { state: "ENABLED", algorithm: "GOOGLE_SYMMETRIC_ENCRYPTION" },
    });
    await embedded.stop();
    await embedded.start();
    expect((await embedded.get(`${KEYS}/prod`)).body).toEqual(made);
    expect((await embedded.get(KEYS)).body).toMatchObject({ cryptoKeys: [made], totalSize: 1 });
    expect((await embedded.get(`${KEYS}/prod/cryptoKeyVersions`)).body).toEqual({
      cryptoKeyVersions: [made.primary],
      totalSize: 1,
    });
    expect((await embedded.get(`${KEYS}/none/cryptoKeyVersions`)).status).toBe(404);
    expect((await embedded.get(RINGS)).body).toMatchObject({ keyRings: [{ name: `${RINGS.slice(4)}/pulumi` }] });
  });

  test("changes the rotation schedule with a mask, but never the wait before destruction", async () => {
    const patch = (mask: string, body: object) => embedded.patch(`${KEYS}/prod?updateMask=${mask}`, body);
    const slower = { rotationPeriod: "8640000s", nextRotationTime: inAnHour };
    expect((await patch("rotationPeriod,nextRotationTime", slower)).body).toMatchObject(slower);
    expect((await patch("destroyScheduledDuration", { destroyScheduledDuration: "86400s" })).status).toBe(400);
  });

  test.each([
    ["without a purpose", {}, "purpose"],
    [
      "destroyed at once",
      { purpose: "ENCRYPT_DECRYPT", destroyScheduledDuration: "60s" },
      "between 1 day and 120 days",
    ],
    ["rotated by the hour", { purpose: "ENCRYPT_DECRYPT", rotationPeriod: "3600s" }, "at least 24 hours"],
    ["rotated from no given time", { purpose: "ENCRYPT_DECRYPT", rotationPeriod: "86400s" }, "next_rotation_time"],
    ["with an unknown field", { purpose: "ENCRYPT_DECRYPT", rotation: 1 }, 'Unknown name "rotation"'],
  ])("refuses a key %s", async (_what, key, sentence) => {
    const refused = await embedded.post(`${KEYS}?cryptoKeyId=bad`, key);
    expect(refused.status).toBe(400);
    expect(message(refused)).toContain(sentence);
  });

  test("gives a key its own policy, which decides who decrypts", async () => {
    await embedded.post(`/v1/projects/${PROJECT}/serviceAccounts`, { accountId: "settlement-previewer" });
    const token = embedded.cloud.identities.tokenFor(`serviceAccount:${PREVIEWER}`);
    const permissions = ["cloudkms.cryptoKeyVersions.useToDecrypt", "cloudkms.cryptoKeyVersions.useToEncrypt"];
    const granted = async () =>
      (await embedded.post(`${KEYS}/prod:testIamPermissions`, { permissions }, { token })).body;
    expect(await granted()).toEqual({});
    const bindings = [{ role: "roles/cloudkms.cryptoKeyDecrypter", members: [`serviceAccount:${PREVIEWER}`] }];
    await embedded.post(`${KEYS}/prod:setIamPolicy`, { policy: { bindings } });
    expect((await embedded.get(`${KEYS}/prod:getIamPolicy`)).body).toMatchObject({ bindings });
    expect(await granted()).toEqual({ permissions: permissions.slice(0, 1) });
    expect((await embedded.get(`${KEYS}/none:getIamPolicy`)).status).toBe(404);
  });
});
