import { execFile } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { connect as tcp } from "node:net";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { promisify } from "node:util";
import { Authority } from "../../../../../packages/embedded-google-cloud/apis/cloudsql/authority.ts";
import { Embedded, PROJECT } from "../../embedded.ts";
import { createInstance, done, ROOT, SERVICE } from "./setup.ts";

const MEMBER = "serviceAccount:settlement-service@elsewhere.iam.gserviceaccount.com";
/** An address at which no local stack listens; macOS has only one. */
const HOST = process.platform === "linux" ? "127.0.33.7" : "127.0.0.1";
const embedded = new Embedded();

beforeAll(async () => {
  await embedded.start(SERVICE, "cloudresourcemanager.googleapis.com");
  for (const name of ["db-one", "db-two"]) {
    await createInstance(embedded, name);
    await embedded.post(`${ROOT}/instances/${name}/users`, { name: "postgres", password: `pw of ${name}` });
  }
});
afterAll(async () => {
  await embedded.remove();
});

/** Queries an instance by Google's connector for Node.js, with a member's token. @returns "connected" or its error. */
async function ask(instance: string, token = embedded.cloud.identities.ownerToken): Promise<string> {
  const env = {
    CLOUD: embedded.cloud.url,
    TOKEN: token,
    INSTANCE: `${PROJECT}:us-central1:${instance}`,
    PASSWORD: `pw of ${instance}`,
  };
  const script = join(import.meta.dirname, "ask-by-connector.mjs");
  const { stdout } = await promisify(execFile)(process.execPath, [script], { env: { ...process.env, ...env } });
  return stdout.trim();
}

/** Sets who may connect, and to which instances. */
async function bind(condition: string): Promise<void> {
  const path = `/v1/projects/${PROJECT}`;
  const policy = (await embedded.post(`${path}:getIamPolicy`, { options: { requestedPolicyVersion: 3 } })).body;
  const bindings = (policy.bindings as { role: string }[]).filter(({ role }) => role !== "roles/cloudsql.client");
  const client = {
    role: "roles/cloudsql.client",
    members: [MEMBER],
    condition: { title: "some", expression: condition },
  };
  const answer = await embedded.post(`${path}:setIamPolicy`, {
    policy: { ...policy, version: 3, bindings: [...bindings, client] },
  });
  expect(answer.status).toBe(200);
}

/** A connection with a certificate, after the server has accepted or refused it. */
async function knock(cert: string): Promise<TLSSocket> {
  const socket = connect({ host: HOST, port: 3307, rejectUnauthorized: false, cert, key });
  socket.on("error", () => undefined);
  await once(socket, "secureConnect");
  // PostgreSQL answers N to a request for encryption, because the connection is encrypted already.
  socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]));
  return socket;
}

const { privateKey: key, publicKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});

async function certificate(token: string): Promise<string> {
  const path = `${ROOT}/instances/db-one:generateEphemeralCert`;
  const { body } = await embedded.post(path, { public_key: publicKey }, { token });
  return (body.ephemeralCert as { cert: string }).cert;
}

test("nothing is answered before the port is open", async () => {
  const { status, body } = await embedded.get(`${ROOT}/instances/db-one/connectSettings`);
  expect(status).toBe(400);
  expect(body).toMatchObject({ error: { message: expect.stringContaining("127.0.0.1:3307") as string } });
});

test("Google's connector for Node.js connects to several instances", async () => {
  await embedded.cloud.listenForConnectors(HOST);
  expect(await Promise.all([ask("db-one"), ask("db-two")])).toEqual(["connected", "connected"]);
});

test("a condition on the instance decides, for new connections too", async () => {
  const token = embedded.cloud.identities.tokenFor(MEMBER);
  await bind(`resource.name == "projects/${PROJECT}/instances/db-two"`);
  expect(await ask("db-one", token)).toContain("cloudsql.instances");
  await bind(`resource.name == "projects/${PROJECT}/instances/db-one"`);
  expect(await ask("db-one", token)).toBe("connected");
  const cert = await certificate(token);
  const admitted = await knock(cert);
  expect(String(((await once(admitted, "data")) as [Buffer])[0])).toBe("N");
  await bind("false");
  const refused = await knock(cert);
  await once(refused, "close");
  expect(refused.bytesRead).toBe(0);
  admitted.destroy();
});

test("a server's certificate is rotated, and rolled back", async () => {
  const one = `${ROOT}/instances/db-one`;
  const certificates = async () => {
    const { body } = await embedded.get(`${one}/listServerCas`);
    const { activeVersion, certs } = body as { activeVersion: string; certs: { sha1Fingerprint: string }[] };
    const settings = (await embedded.get(`${one}/connectSettings`)).body;
    expect(settings.serverCaCert).toEqual(certs.find(({ sha1Fingerprint }) => sha1Fingerprint === activeVersion));
    expect((await embedded.get(one)).body.serverCaCert).toEqual(settings.serverCaCert);
    return { active: activeVersion, all: certs.map(({ sha1Fingerprint }) => sha1Fingerprint) };
  };
  const change = async (method: string, body = {}) => {
    expect((await done(embedded, await embedded.post(`${one}/${method}`, body))).error).toBeUndefined();
  };
  const to = (nextVersion: string) => ({ rotateServerCaContext: { nextVersion } });

  const { active: first } = await certificates();
  expect((await embedded.post(`${one}/rotateServerCa`, {})).status).toBe(400);
  expect((await embedded.post(`${one}/rotateServerCa`, to(first))).status).toBe(400);
  await change("addServerCa");
  const [, unused = ""] = (await certificates()).all;
  await change("addServerCa");
  const [, second = ""] = (await certificates()).all;
  expect(second).not.toBe(unused);
  expect(await certificates()).toEqual({ active: first, all: [first, second] });
  await change("rotateServerCa");
  expect(await certificates()).toEqual({ active: second, all: [first, second] });
  expect(await Promise.all([ask("db-one"), ask("db-two")])).toEqual(["connected", "connected"]);
  await change("addServerCa");
  const [, , third = ""] = (await certificates()).all;
  await change("rotateServerCa", to(first));
  expect(await certificates()).toEqual({ active: first, all: [second, first, third] });
  await change("rotateServerCa", to(third));
  expect(await certificates()).toEqual({ active: third, all: [first, third] });
});

test("an expired certificate, and none at all, are refused", async () => {
  jest.useFakeTimers({ now: Date.now() - 2 * 3600_000, advanceTimers: true });
  const authority = new Authority(join(embedded.folder, "postgres"));
  const identity = { member: "user:owner@local.test", project: PROJECT, instance: "db-one" };
  const { cert } = await authority.ephemeral(publicKey, identity);
  jest.useRealTimers();
  const late = await knock(cert);
  await once(late, "close");
  expect(late.bytesRead).toBe(0);
  const plain = tcp(3307, HOST);
  plain.on("error", () => undefined);
  plain.write("not TLS");
  await once(plain, "close");
});

test("a key that is none and a wish that is not served are refused", async () => {
  const path = `${ROOT}/instances/db-one:generateEphemeralCert`;
  for (const body of [{ public_key: "nonsense" }, { public_key: "nonsense", access_token: "x" }]) {
    expect((await embedded.post(path, body)).status).toBe(400);
  }
});
