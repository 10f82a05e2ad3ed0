import { Embedded, message, PROJECT } from "../embedded.ts";

const POOLS = `/v1/projects/${PROJECT}/locations/global/workloadIdentityPools`;
const PROVIDER = `${POOLS}/github/providers/github`;
const GITHUB = {
  oidc: { issuerUri: "https://token.actions.githubusercontent.com" },
  attributeMapping: { "google.subject": "assertion.sub", "attribute.repository": "assertion.repository" },
  attributeCondition: "assertion.repository == 'owner/name'",
};

describe("workload identity pools", () => {
  const embedded = new Embedded();
  const create = (provider: object) =>
    embedded.post(`${POOLS}/github/providers?workloadIdentityPoolProviderId=github`, provider);
  /** The completed operation of an answer. */
  const ended = async ({ body }: { body: Record<string, unknown> }) => {
    expect(body.name).toMatch(/^projects\/\d+\/locations\/global\/workloadIdentityPools\/.*\/operations\/\w+$/);
    return (await embedded.get(`/v1/${String(body.name)}`)).body;
  };

  beforeAll(async () => {
    await embedded.start("iam.googleapis.com");
  });
  afterAll(() => embedded.remove());

  test("creates a pool once, by an operation, and names it by the project's number", async () => {
    expect((await create(GITHUB)).status).toBe(404);
    const operation = await embedded.post(`${POOLS}?workloadIdentityPoolId=github`, { displayName: "GitHub" });
    expect(await ended(operation)).toMatchObject({ done: true, response: { displayName: "GitHub", state: "ACTIVE" } });
    expect((await embedded.post(`${POOLS}?workloadIdentityPoolId=github`)).status).toBe(409);
    expect((await embedded.get(POOLS)).body).toMatchObject({
      workloadIdentityPools: [{ name: expect.stringMatching(/^projects\/\d+\//) as string }],
    });
  });

  test.each([
    ["without an issuer", { ...GITHUB, oidc: {} }, "issuer_uri"],
    ["that maps no subject", { ...GITHUB, attributeMapping: { "attribute.ref": "assertion.ref" } }, "google.subject"],
    ["whose condition is not CEL", { ...GITHUB, attributeCondition: "assertion.ref ==" }, "is not CEL"],
    [
      "of GitHub without a condition",
      { ...GITHUB, attributeCondition: undefined },
      "attribute condition must reference",
    ],
  ])("refuses a provider %s", async (_what, provider, sentence) => {
    const refused = await create(provider);
    expect(refused.status).toBe(400);
    expect(message(refused)).toContain(sentence);
  });

  test("creates a provider, changes it with a mask, deletes and undeletes it", async () => {
    expect(await ended(await create(GITHUB))).toMatchObject({ response: { ...GITHUB, state: "ACTIVE" } });
    const attributeCondition = "assertion.repository == 'owner/other'";
    await embedded.patch(`${PROVIDER}?updateMask=attributeCondition`, { attributeCondition });
    expect((await embedded.get(PROVIDER)).body).toMatchObject({ ...GITHUB, attributeCondition });
    await embedded.delete(PROVIDER);
    expect((await embedded.get(PROVIDER)).body).toMatchObject({ state: "DELETED" });
    expect((await create(GITHUB)).status).toBe(409);
    await embedded.post(`${PROVIDER}:undelete`);
    expect((await embedded.get(PROVIDER)).body).toMatchObject({ state: "ACTIVE" });
    await embedded.delete(`${POOLS}/github`);
    await embedded.post(`${POOLS}/github:undelete`);
    expect((await embedded.get(`${POOLS}/github`)).body).not.toHaveProperty("expireTime");
    expect((await embedded.get(`${POOLS}/github:listAttestationRules`)).body).toEqual({});
    expect((await embedded.get(`${POOLS}/none:listAttestationRules`)).status).toBe(404);
  });
});
