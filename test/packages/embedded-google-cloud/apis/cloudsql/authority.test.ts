import { createHash, generateKeyPairSync, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Authority, type SslCert } from "../../../../../packages/embedded-google-cloud/apis/cloudsql/authority.ts";

const folder = mkdtempSync(join(tmpdir(), "authority-"));
const authority = new Authority(folder);
let described: SslCert;
let certificate: X509Certificate;
beforeAll(async () => {
  described = await authority.certificate("settlement-db");
  certificate = new X509Certificate(described.cert);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

test("an instance's certificate is a self-signed certificate authority", () => {
  expect(certificate.ca).toBe(true);
  expect(certificate.checkIssued(certificate)).toBe(true);
  expect(certificate.verify(certificate.publicKey)).toBe(true);
  expect(certificate.validToDate.getUTCFullYear() - certificate.validFromDate.getUTCFullYear()).toBe(10);
});

test("the description matches the certificate", () => {
  expect(described).toEqual({
    kind: "sql#sslCert",
    cert: described.cert,
    commonName: certificate.subject.replace("CN=", ""),
    certSerialNumber: BigInt(`0x${certificate.serialNumber}`).toString(),
    sha1Fingerprint: createHash("sha1").update(certificate.raw).digest("hex"),
    createTime: certificate.validFromDate.toISOString(),
    expirationTime: certificate.validToDate.toISOString(),
    instance: "settlement-db",
  });
});

test("the key survives a restart, in a file of its owner", async () => {
  const again = await new Authority(folder).certificate("another");
  expect(new X509Certificate(again.cert).publicKey.equals(certificate.publicKey)).toBe(true);
  expect(statSync(join(folder, "authority-key.pem")).mode & 0o777).toBe(0o600);
});

test("recognises its own certificates", async () => {
  const elsewhere = mkdtempSync(join(tmpdir(), "authority-"));
  expect(await authority.made(described.cert)).toBe(true);
  expect(await new Authority(elsewhere).made(described.cert)).toBe(false);
  rmSync(elsewhere, { recursive: true });
});

test.each(["spki", "pkcs1"] as const)(
  "an ephemeral certificate needs a key in the form spki, as libraries send it: %s",
  async (type) => {
    const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const pem = publicKey.export({ type, format: "pem" });
    const issued = authority.ephemeral(pem, {
      member: "user:someone@example.com",
      project: "example.com:p",
      instance: "db",
    });
    if (type === "pkcs1") return expect(issued).rejects.toThrow("Invalid public key");
    const { cert, expirationTime } = await issued;
    const utf8 = Buffer.from("\x0c\x18user:someone@example.com");
    expect(new X509Certificate(cert).raw.includes(utf8)).toBe(true); // Go and Python read no "@" in a PrintableString
    expect(new X509Certificate(cert).subject).toBe("CN=example.com:p:db\nOU=user:someone@example.com");
    expect(Date.parse(expirationTime) - Date.now()).toBeLessThanOrEqual(3600_000);
    expect(Date.parse(expirationTime) - Date.now()).toBeGreaterThan(3500_000);
  },
);
