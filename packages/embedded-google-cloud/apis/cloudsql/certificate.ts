import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";

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

/** As long as Cloud SQL's own. */
const YEARS = 10;

/**
 * A new certificate authority for an instance, signed by itself. Connections here end at a Unix socket and need none;
 * clients read it.
 */
export function certificateOf(instance: string): SslCert {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const created = new Date();
  const expires = new Date(created);
  expires.setUTCFullYear(expires.getUTCFullYear() + YEARS);
  const serial = Buffer.concat([Buffer.from([0x01]), randomBytes(7)]);
  const commonName = `Google Cloud SQL Server CA, ${instance}`.slice(0, 64);
  const ed25519 = sequence(Buffer.from("06032b6570", "hex"));
  const name = sequence(der(0x31, sequence(Buffer.from("0603550403", "hex"), der(0x0c, Buffer.from(commonName)))));
  const body = sequence(
    Buffer.from("a003020102", "hex"), // version 3
    der(0x02, serial),
    ed25519,
    name,
    sequence(time(created), time(expires)),
    name,
    publicKey.export({ type: "spki", format: "der" }),
  );
  const signature = sign(null, body, privateKey);
  const certificate = sequence(body, ed25519, der(0x03, Buffer.concat([Buffer.from([0]), signature])));
  const lines = certificate.toString("base64").replace(/.{64}/g, "$&\n");
  return {
    kind: "sql#sslCert",
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----`,
    certSerialNumber: serial.readBigUInt64BE().toString(),
    commonName,
    createTime: created.toISOString(),
    expirationTime: expires.toISOString(),
    instance,
    sha1Fingerprint: createHash("sha1").update(certificate).digest("hex"),
  };
}

/** A value in DER: tag, length, content. */
function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const head =
    length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), content]);
}

function sequence(...parts: Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

/** GeneralizedTime, to the second. */
function time(at: Date): Buffer {
  return der(0x18, Buffer.from(`${at.toISOString().replace(/\D/g, "").slice(0, 14)}Z`));
}
