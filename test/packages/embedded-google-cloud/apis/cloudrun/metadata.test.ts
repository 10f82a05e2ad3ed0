import { execFile } from "node:child_process";
import { get } from "node:http";
import { join } from "node:path";
import { promisify } from "node:util";
import { ECHO } from "./programs.ts";
import { ACCOUNT, MEMBER, PROJECT, Setting } from "./setting.ts";

describe("the metadata server of an instance", () => {
  const setting = new Setting({ echo: ECHO });
  let host = "";
  const V1 = "/computeMetadata/v1";

  beforeAll(async () => {
    await setting.start();
    await setting.deploy("echo", { image: "echo" });
    const { uri = "" } = await setting.service("echo");
    const { text } = await setting.call("GET", uri);
    host = (JSON.parse(text) as { env: Record<string, string> }).env.GCE_METADATA_HOST ?? "";
  });
  afterAll(() => setting.end());

  const ask = async (path: string, headers: Record<string, string> = { "Metadata-Flavor": "Google" }) => {
    const response = await fetch(`http://${host}${path}`, { headers, redirect: "manual" });
    const { status, headers: sent } = response;
    return { status, type: sent.get("content-type"), location: sent.get("location"), text: await response.text() };
  };
  const number = async () => (await ask(`${V1}/project/numeric-project-id`)).text;

  it("knows project, region and account", async () => {
    const values = [
      ["project/project-id", PROJECT],
      ["instance/region", `projects/${await number()}/regions/us-central1`],
      ["instance/zone", `projects/${await number()}/zones/us-central1-1`],
      ["instance/service-accounts/default/email", ACCOUNT],
      ["instance/service-accounts/default/scopes", "https://www.googleapis.com/auth/cloud-platform"],
      [`instance/service-accounts/${ACCOUNT}/aliases`, "default"],
    ];
    for (const [path = "", text = ""] of values)
      expect([path, await ask(`${V1}/${path}`)]).toEqual([
        path,
        { status: 200, type: "application/text", location: null, text },
      ]);
    expect(await number()).toMatch(/^\d{12}$/);
    expect((await ask(`${V1}/instance/id`)).text).toMatch(/^[0-9a-f]+$/);
  });

  it("lists folders, and returns them whole on request", async () => {
    expect(await ask(`${V1}/instance`)).toMatchObject({ status: 301, location: `${V1}/instance/` });
    expect((await ask(`${V1}/instance/`)).text).toBe("id\nregion\nservice-accounts/\nzone\n");
    const account = {
      aliases: ["default"],
      email: ACCOUNT,
      scopes: ["https://www.googleapis.com/auth/cloud-platform"],
    };
    const { text, type } = await ask(`${V1}/instance/service-accounts/default/?recursive=true`);
    expect([JSON.parse(text), type]).toEqual([account, "application/json"]);
    const whole = JSON.parse((await ask(`${V1}/?recursive=true`)).text) as object;
    expect(whole).toEqual({
      instance: {
        id: expect.any(String) as unknown,
        region: expect.any(String) as unknown,
        serviceAccounts: { default: account, [ACCOUNT]: account },
        zone: expect.any(String) as unknown,
      },
      project: { numericProjectId: Number(await number()), projectId: PROJECT },
    });
  });

  it("refuses requests that were not meant for it, and finds nothing else", async () => {
    expect(await ask("/", {})).toMatchObject({ status: 200, text: "computeMetadata/\n" });
    expect(await ask(`${V1}/project/project-id`, {})).toMatchObject({
      status: 403,
      text: expect.stringContaining("Missing Metadata-Flavor:Google header.") as unknown,
    });
    const forwarded = { "Metadata-Flavor": "Google", "X-Forwarded-For": "10.0.0.1" };
    expect((await ask(`${V1}/project/project-id`, forwarded)).status).toBe(403);
    const rebound = await new Promise<number | undefined>((resolve, reject) => {
      const headers = { host: "attacker.example", "Metadata-Flavor": "Google" };
      get(`http://${host}${V1}/project/project-id`, { headers }, ({ statusCode }) => {
        resolve(statusCode);
      }).once("error", reject);
    });
    expect(rebound).toBe(403);
    for (const path of ["/universe/universe-domain", "/instance/attributes/", "/project/project-id/", "/__proto__"])
      expect([path, (await ask(V1 + path)).status]).toEqual([path, 404]);
    expect((await ask(`${V1}/instance/?recursive=true&wait_for_change=true`)).status).toBe(400);
    expect((await fetch(`http://${host}${V1}/instance/`, { method: "POST" })).status).toBe(405);
  });

  it("issues tokens of the revision's account", async () => {
    const path = `${V1}/instance/service-accounts/default`;
    const { text } = await ask(`${path}/token?scopes=https://www.googleapis.com/auth/cloud-platform`);
    const token = JSON.parse(text) as { access_token: string; expires_in: number };
    expect(token).toMatchObject({ token_type: "Bearer" });
    expect(token.expires_in).toBeGreaterThan(3500);
    expect(setting.identities.caller(`Bearer ${token.access_token}`)).toMatchObject({ member: MEMBER });
    expect(JSON.parse((await ask(`${path}/token`)).text)).toMatchObject({ access_token: token.access_token });

    expect((await ask(`${path}/identity`)).status).toBe(400);
    const { text: identity } = await ask(`${path}/identity?audience=https://other.example&format=full`);
    expect(setting.identities.caller(`Bearer ${identity}`)).toMatchObject({
      member: MEMBER,
      audience: "https://other.example",
    });
    const claims = JSON.parse(Buffer.from(identity.split(".")[1] ?? "", "base64url").toString()) as object;
    expect(claims).toMatchObject({ aud: "https://other.example", email: ACCOUNT, iss: "https://accounts.google.com" });
  });

  it("hands out another access token five minutes before the end of the first", async () => {
    const path = `${V1}/instance/service-accounts/default/token`;
    const { access_token: first } = JSON.parse((await ask(path)).text) as { access_token: string };
    const later = jest.spyOn(Date, "now").mockReturnValue(Date.now() + 56 * 60_000);
    try {
      const second = JSON.parse((await ask(path)).text) as { access_token: string; expires_in: number };
      expect(second.expires_in).toBe(3600);
      expect(second.access_token).not.toBe(first);
    } finally {
      later.mockRestore();
    }
  });

  it("gives google-auth-library its credentials", async () => {
    const source = `
      const { GoogleAuth } = require("google-auth-library");
      (async () => {
        const auth = new GoogleAuth();
        const client = await auth.getClient();
        const idClient = await auth.getIdTokenClient("https://other.example");
        const headers = await idClient.getRequestHeaders();
        const { token } = await client.getAccessToken();
        const [project, { client_email }] = [await auth.getProjectId(), await auth.getCredentials()];
        console.log(JSON.stringify({ project, client_email, token, id: headers.get("authorization") }));
      })();`;
    const env = { PATH: process.env.PATH, GCE_METADATA_HOST: host, GCE_METADATA_IP: host };
    const cwd = join(import.meta.dirname, "../../../../..");
    const { stdout } = await promisify(execFile)(process.execPath, ["--eval", source], { env, cwd });
    const found = JSON.parse(stdout) as Record<string, string>;
    expect(found).toMatchObject({ project: PROJECT, client_email: ACCOUNT });
    expect(setting.identities.caller(`Bearer ${found.token ?? ""}`)).toMatchObject({ member: MEMBER });
    expect(setting.identities.caller(found.id)).toMatchObject({ audience: "https://other.example" });
  });

  it("issues no token for an account that is gone", async () => {
    setting.removeAccount();
    expect(await ask(`${V1}/instance/service-accounts/default/token`)).toMatchObject({ status: 404 });
  });
});
