import { createHash, X509Certificate } from "node:crypto";
import {
  certificateOf,
  type SslCert,
} from "../../../../../packages/embedded-google-cloud/apis/cloudsql/certificate.ts";

let described: SslCert;
let certificate: X509Certificate;
beforeAll(async () => {
  described = await certificateOf("settlement-db");
  certificate = new X509Certificate(described.cert);
});

test("the certificate is a self-signed certificate authority", () => {
  expect(certificate.ca).toBe(true);
  expect(certificate.checkIssued(certificate)).toBe(true);
  expect(certificate.verify(certificate.publicKey)).toBe(true);
  expect(certificate.subject).toBe("CN=Google Cloud SQL Server CA\\, settlement-db");
});

test("the description matches the certificate", () => {
  expect(described).toMatchObject({
    kind: "sql#sslCert",
    commonName: "Google Cloud SQL Server CA, settlement-db",
    certSerialNumber: BigInt(`0x${certificate.serialNumber}`).toString(),
    sha1Fingerprint: createHash("sha1").update(certificate.raw).digest("hex"),
    instance: "settlement-db",
  });
  const seconds = (time: string) => Math.floor(Date.parse(time) / 1000);
  expect(seconds(described.createTime)).toBe(seconds(certificate.validFrom));
  expect(seconds(described.expirationTime)).toBe(seconds(certificate.validTo));
  expect(certificate.validToDate.getUTCFullYear() - certificate.validFromDate.getUTCFullYear()).toBe(10);
});
