import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { quoted } from "../terminal/command.ts";
import { LOOPBACK } from "../terminal/proxy.ts";
import { endpointEnv } from "./endpoints.ts";

/** A local stack that is held open. */
export interface HeldStack {
  /** The embedded cloud, such as `http://127.0.0.1:4510`. */
  readonly url: string;
  /** The stack's folder, in which the settings are written. */
  readonly folder: string;
  /** The file with the owner's token. */
  readonly token: string;
  readonly project: string;
  readonly region: string;
  /** The folder of the database's Unix socket; undefined if its path is too long for one. */
  readonly socket: string | undefined;
  readonly database: string;
}

/** gcloud's names for the APIs that share the address without a path. */
const GCLOUD =
  "artifactregistry sql secretmanager run iam iamcredentials cloudresourcemanager logging monitoring serviceusage cloudkms";

/**
 * Writes the settings with which a shell's programs use the embedded cloud instead of Google: gcloud and gsutil, the Cloud SQL
 * Auth Proxy, psql, Terraform and Google's libraries. gcloud gets a configuration of its own, so that it knows no account.
 * @returns The file, to be sourced. It holds no secret, but reads the token from its file.
 */
export function writeToolSettings({ url, folder, token, project, region, socket, database }: HeldStack): string {
  const boto = join(folder, "boto");
  // gsutil reaches other hosts than Google's by gcloud only.
  writeFileSync(boto, "[GSUtil]\nuse_gcloud_storage = True\n");
  const gcloud = Object.fromEntries(GCLOUD.split(" ").map((api) => [overrideOf(api), `${url}/`]));
  const settings: Readonly<Record<string, string | undefined>> = {
    CLOUDSDK_CONFIG: join(folder, "gcloud"),
    CLOUDSDK_AUTH_ACCESS_TOKEN_FILE: token,
    CLOUDSDK_CORE_ACCOUNT: "owner@local.test", // gsutil asks for one
    CLOUDSDK_CORE_PROJECT: project,
    CLOUDSDK_RUN_REGION: region,
    ...gcloud,
    [overrideOf("compute")]: `${url}/compute/v1/`,
    [overrideOf("storage")]: `${url}/storage/v1/`,
    BOTO_CONFIG: boto,
    CSQL_PROXY_SQLADMIN_API_ENDPOINT: url,
    STORAGE_EMULATOR_HOST: url,
    GOOGLE_CLOUD_PROJECT: project,
    ...endpointEnv(url),
    PGHOST: socket,
    PGDATABASE: database,
  };
  const lines = Object.entries(settings).flatMap(([name, value]) =>
    value === undefined ? [] : `export ${name}=${quoted(value)}`,
  );
  const secrets = ["GOOGLE_OAUTH_ACCESS_TOKEN", "CSQL_PROXY_TOKEN"].map(
    (name) => `export ${name}="$(cat ${quoted(token)})"`,
  );
  const exceptions = ["NO_PROXY", "no_proxy"].map(
    (name) => `export ${name}="\${${name}:+$${name},}${LOOPBACK.join(",")}"`,
  );
  const file = join(folder, "env");
  writeFileSync(file, [...lines, ...secrets, ...exceptions, ""].join("\n"));
  return file;
}

function overrideOf(api: string): string {
  return `CLOUDSDK_API_ENDPOINT_OVERRIDES_${api.toUpperCase()}`;
}
