import { generateKeyPair, randomBytes, X509Certificate } from "node:crypto";
import { promisify } from "node:util";

/** https://cloud.google.com/sql/docs/postgres/admin-api/rest/v1beta4/sslCerts */
export interface SslCert {
  readonly kind: "sql#sslCert";
  /** PEM. */
  readonly cert: string;
  readonly certSerialNumber: string;
  readonly commonName: string;
  readonly createTime: string;
  readonly expirationTime: string;
  readonly instance: string;
  readonly sha1Fingerprint: string;
}

/** The validity of Cloud SQL's own. */
const YEARS = 10;

/**
 * A new self-signed certificate authority for an instance. Connections here use Unix sockets and need none, but clients
 * read it.
 */
export async function certificateOf(instance: string): Promise<SslCert> {
  const keys = await promisify(generateKeyPair)("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const { md, pki } = (await import("node-forge")).default; // loaded on demand, because few runs create an instance
  const commonName = `Google Cloud SQL Server CA, ${instance}`.slice(0, 64); // RFC 5280, appendix A: ub-common-name
  const name = [{ name: "commonName", value: commonName }];
  const certificate = pki.createCertificate();
  const { notBefore, notAfter } = certificate.validity; // both start as now
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + YEARS);
  certificate.publicKey = pki.publicKeyFromPem(keys.publicKey);
  certificate.serialNumber = `01${randomBytes(7).toString("hex")}`;
  certificate.setSubject(name);
  certificate.setIssuer(name);
  certificate.setExtensions([
    { name: "basicConstraints", cA: true, critical: true },
    { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true },
    { name: "subjectKeyIdentifier" },
  ]);
  certificate.sign(pki.privateKeyFromPem(keys.privateKey), md.sha256.create());
  const cert = pki.certificateToPem(certificate).replaceAll("\r", "").trimEnd();
  return {
    kind: "sql#sslCert",
    cert,
    certSerialNumber: BigInt(`0x${certificate.serialNumber}`).toString(),
    commonName,
    createTime: notBefore.toISOString(),
    expirationTime: notAfter.toISOString(),
    instance,
    sha1Fingerprint: new X509Certificate(cert).fingerprint.replaceAll(":", "").toLowerCase(),
  };
}
