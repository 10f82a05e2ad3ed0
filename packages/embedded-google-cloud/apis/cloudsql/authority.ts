import { constants, createPublicKey, generateKeyPair, privateEncrypt, randomBytes, X509Certificate } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { asn1 as asn1s, md as digests, pki as keys } from "node-forge";
import { replaceFile } from "../../state/store.ts";
import { invalid } from "./invalid.ts";

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

/** A certificate and its private key, in PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** Who connects where, as an ephemeral certificate says it. */
export interface Identity {
  /** Such as `serviceAccount:EMAIL`. */
  readonly member: string;
  readonly project: string;
  readonly instance: string;
}

/** The validity of an instance's authority: https://cloud.google.com/sql/docs/postgres/manage-ssl-instance */
const YEARS = 10;

/** The validity of an ephemeral certificate, in minutes: https://cloud.google.com/sql/docs/postgres/sql-proxy */
const EPHEMERAL = 60;

const ISSUER = "Google Cloud SQL Server CA";

/**
 * Signs the certificates of Cloud SQL. Each instance has an authority's certificate of its own, but they share a key: one
 * port serves all instances, and its certificate, which the client checks before it says which it wants, must suit each.
 */
export class Authority {
  private readonly folder: string;
  private pair: Promise<KeyPair> | undefined;

  /** @param folder Holds the key, which only its owner can read. */
  constructor(folder: string) {
    this.folder = folder;
  }

  /** A new certificate of the authority, for an instance; clients check the server by it. */
  async certificate(instance: string): Promise<SslCert> {
    const { key } = await this.keys();
    return describe(await signed(key, { name: ISSUER, publicKey: publicKeyOf(key), years: YEARS }), ISSUER, instance);
  }

  /** Whether this authority made a certificate. @param cert PEM. */
  async made(cert: string): Promise<boolean> {
    return new X509Certificate(cert).verify(createPublicKey((await this.keys()).key));
  }

  /** A certificate of the server. @param names The DNS names of the instances, without the final dot. */
  async server(names: readonly string[]): Promise<KeyPair & { readonly ca: string }> {
    const { cert: ca, key } = await this.keys();
    const own = await rsa();
    const cert = await signed(key, { name: "embedded-google-cloud", publicKey: publicKeyOf(own), years: YEARS, names });
    return { ca, cert, key: own };
  }

  /**
   * An ephemeral certificate, with which a client connects.
   * @param publicKey The client's RSA key, PEM.
   * @throws GoogleError INVALID_ARGUMENT if it is not one.
   */
  async ephemeral(publicKey: unknown, { member, project, instance }: Identity): Promise<SslCert> {
    const { key } = await this.keys();
    const client = { name: `${project}:${instance}`, unit: member, publicKey: readKey(publicKey) };
    return describe(await signed(key, client), client.name, instance);
  }

  private keys(): Promise<KeyPair> {
    this.pair ??= this.load();
    return this.pair;
  }

  private async load(): Promise<KeyPair> {
    const path = join(this.folder, "authority-key.pem");
    if (!existsSync(path)) {
      mkdirSync(this.folder, { recursive: true, mode: 0o700 });
      replaceFile(path, await rsa());
    }
    const key = readFileSync(path, "utf8");
    return { key, cert: await signed(key, { name: ISSUER, publicKey: publicKeyOf(key), years: YEARS }) };
  }
}

/** Reads whose certificate it is. @param subject Of an ephemeral certificate. */
export function identityOf(subject: { readonly CN: string; readonly OU: string }): Identity {
  const end = subject.CN.lastIndexOf(":"); // a project's id may hold a colon
  return { member: subject.OU, project: subject.CN.slice(0, end), instance: subject.CN.slice(end + 1) };
}

interface Subject {
  readonly name: string;
  readonly unit?: string;
  /** PEM. */
  readonly publicKey: string;
  /** Validity; by default that of an ephemeral certificate. */
  readonly years?: number;
  /** Of a server. */
  readonly names?: readonly string[];
}

/** A certificate, PEM. @param key The authority's. */
async function signed(key: string, { name, unit, publicKey, years, names }: Subject): Promise<string> {
  const { asn1, md, pki } = (await import("node-forge")).default; // loaded on demand, because few runs create an instance
  const certificate = pki.createCertificate();
  const { notBefore, notAfter } = certificate.validity; // both start as now
  if (years === undefined) notAfter.setUTCMinutes(notAfter.getUTCMinutes() + EPHEMERAL);
  else notAfter.setUTCFullYear(notAfter.getUTCFullYear() + years);
  notBefore.setUTCMilliseconds(0); // certificates count seconds
  const isAuthority = name === ISSUER;
  certificate.publicKey = pki.publicKeyFromPem(publicKey);
  certificate.serialNumber = `01${randomBytes(7).toString("hex")}`;
  // The default, PrintableString, has no "@", and stricter parsers than OpenSSL refuse it.
  const text = { valueTagClass: asn1.Type.UTF8 as unknown as asn1s.Class };
  certificate.setSubject([
    { name: "commonName", value: name, ...text },
    ...(unit === undefined ? [] : [{ name: "organizationalUnitName", value: unit, ...text }]),
  ]);
  certificate.setIssuer([{ name: "commonName", value: ISSUER, ...text }]);
  certificate.setExtensions([
    { name: "basicConstraints", cA: isAuthority, critical: true },
    isAuthority
      ? { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true }
      : { name: "extKeyUsage", serverAuth: names !== undefined, clientAuth: names === undefined },
    { name: "subjectKeyIdentifier" },
    ...(names ? [{ name: "subjectAltName", altNames: names.map((value) => ({ type: 2, value })) }] : []),
  ]);
  // Node.js signs the digest many times faster than node-forge.
  const sign = (digest: digests.MessageDigest) => signature(key, Buffer.from(digest.digest().getBytes(), "binary"));
  certificate.sign({ sign } as unknown as keys.rsa.PrivateKey, md.sha256.create());
  return pki.certificateToPem(certificate).replaceAll("\r", "").trimEnd();
}

/** RSASSA-PKCS1-v1_5: https://www.rfc-editor.org/rfc/rfc8017#section-9.2 */
function signature(key: string, sha256: Buffer): string {
  const digestInfo = Buffer.concat([Buffer.from("3031300d060960864801650304020105000420", "hex"), sha256]);
  return privateEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, digestInfo).toString("binary");
}

function describe(cert: string, commonName: string, instance: string): SslCert {
  const { fingerprint, serialNumber, validFromDate, validToDate } = new X509Certificate(cert);
  return {
    kind: "sql#sslCert",
    cert,
    certSerialNumber: BigInt(`0x${serialNumber}`).toString(),
    commonName,
    createTime: validFromDate.toISOString(),
    expirationTime: validToDate.toISOString(),
    instance,
    sha1Fingerprint: fingerprint.replaceAll(":", "").toLowerCase(),
  };
}

/** Connectors of Go call the form of any public key "RSA PUBLIC KEY". */
function readKey(pem: unknown): string {
  try {
    const [, body = ""] = /^-----BEGIN (?:RSA )?PUBLIC KEY-----([^-]+)-----END/.exec(String(pem)) ?? [];
    const key = createPublicKey({ key: Buffer.from(body, "base64"), format: "der", type: "spki" });
    if (key.asymmetricKeyType === "rsa") return key.export({ type: "spki", format: "pem" }).toString();
  } catch {
    // Not a key either.
  }
  throw invalid("Invalid public key: it must be an RSA key in PEM.");
}

function publicKeyOf(key: string): string {
  return createPublicKey(key).export({ type: "spki", format: "pem" }).toString();
}

async function rsa(): Promise<string> {
  const { privateKey } = await promisify(generateKeyPair)("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  return privateKey;
}
