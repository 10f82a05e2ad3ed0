import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EmbeddedCloud, startCloud } from "../../../packages/embedded-google-cloud/index.ts";
import type { Fields } from "../../../packages/embedded-google-cloud/rest/fields.ts";
import { readConfiguration } from "../../../packages/pulumi-google-stand-in/endpoints.ts";
import { gcpTypes } from "../../../packages/pulumi-google-stand-in/gcp/types.ts";
import { Google } from "../../../packages/pulumi-google-stand-in/google.ts";
import { type DiffResult, Provider } from "../../../packages/pulumi-google-stand-in/provider.ts";
import { randomTypes } from "../../../packages/pulumi-google-stand-in/random.ts";

export const PROJECT = "fusion-prime";
export const REGION = "us-central1";

/** An asset as the engine sends it; a diff contains only its hash. */
export const asset = (content: { text: string } | { path: string }) => ({
  "4dabf18193072939515e22adb298388d": "c44067f5952c0a294b673a41bacd8c17",
  hash: createHash("sha256").update(JSON.stringify(content)).digest("hex"),
  ...content,
});

/** A resource in the engine's state. */
export interface Resource {
  readonly urn: string;
  readonly id: string;
  readonly inputs: Fields;
  readonly outputs: Fields;
}

/** Calls a provider as Pulumi's engine does. */
export class Engine {
  readonly provider = new Provider([...gcpTypes, ...randomTypes]);
  readonly google: Google;

  constructor(google: Google) {
    this.google = google;
  }

  urn(type: string, name = "it"): string {
    return `urn:pulumi:test::project::settlement:infra:Part$${type}::${name}`;
  }

  /** @throws Error with every failure of the check. */
  check(urn: string, program: Fields, olds: Fields = {}): Fields {
    const seed = new Uint8Array();
    const { inputs, failures } = this.provider.check({ urn, google: this.google, olds, news: program, seed });
    if (failures.length > 0) throw new Error(failures.join("\n"));
    return inputs;
  }

  async create(type: string, program: Fields, name?: string): Promise<Resource> {
    const urn = this.urn(type, name);
    const inputs = this.check(urn, program);
    const made = await this.provider.create({ urn, google: this.google, news: inputs, preview: false });
    return { urn, inputs, ...made };
  }

  /** @param ignoreChanges Dotted paths. */
  diff(resource: Resource, program: Fields, ignoreChanges: readonly string[] = []): DiffResult {
    const news = this.check(resource.urn, program, resource.inputs);
    return this.provider.diff({ ...this.old(resource), news, ignoreChanges });
  }

  /** The changed paths; a trailing `!` marks a replacement. */
  changes(resource: Resource, program: Fields, ignoreChanges: readonly string[] = []): string[] {
    return this.diff(resource, program, ignoreChanges).differences.map(
      ({ path, replaces }) => path + (replaces ? "!" : ""),
    );
  }

  async update(
    resource: Resource,
    program: Fields,
    preview = false,
    ignoreChanges: readonly string[] = [],
  ): Promise<Resource> {
    const inputs = this.check(resource.urn, program, resource.inputs);
    const request = { ...this.old(resource), id: resource.id, news: inputs, preview, ignoreChanges };
    const outputs = await this.provider.update(request);
    return { ...resource, inputs, outputs };
  }

  /** Undefined if the resource no longer exists. */
  async refresh(resource: Resource): Promise<Resource | undefined> {
    const { urn, id, inputs, outputs } = resource;
    const read = await this.provider.read({ urn, google: this.google, id, inputs, state: outputs });
    return read && { urn, ...read };
  }

  async import(type: string, id: string): Promise<Resource> {
    const urn = this.urn(type);
    const read = await this.provider.read({ urn, google: this.google, id, inputs: {}, state: {} });
    if (!read) throw new Error("an import of nothing must fail");
    return { urn, ...read };
  }

  delete({ urn, id, outputs }: Resource): Promise<void> {
    return this.provider.delete({ urn, google: this.google, id, state: outputs });
  }

  private old({ urn, inputs, outputs }: Resource) {
    return { urn, google: this.google, oldInputs: inputs, oldOutputs: outputs };
  }
}

/** A client of an embedded cloud. */
export function googleAt(url: string, token?: string, project = PROJECT): Google {
  return new Google(
    readConfiguration(
      {
        project,
        region: REGION,
        sqlCustomEndpoint: `${url}/sql/v1beta4/`,
        secretManagerCustomEndpoint: `${url}/v1/`,
        storageCustomEndpoint: `${url}/storage/v1/`,
        iamBetaCustomEndpoint: `${url}/v1/`,
        resourceManagerCustomEndpoint: `${url}/v1/`,
        cloudRunV2CustomEndpoint: `${url}/v2/`,
        monitoringCustomEndpoint: `${url}/`,
        serviceUsageCustomEndpoint: `${url}/v1/`,
        computeCustomEndpoint: `${url}/compute/v1/`,
        serviceNetworkingCustomEndpoint: `${url}/v1/`,
        accessToken: token,
      },
      {},
    ),
  );
}

/** An embedded cloud in a temporary folder. */
export interface TestCloud {
  readonly cloud: EmbeddedCloud;
  readonly google: Google;
  stop(): Promise<void>;
}

/** Starts an embedded cloud, whose image `hello` answers every request. */
export async function startTestCloud(): Promise<TestCloud> {
  const folder = mkdtempSync(join(tmpdir(), "stand-in-"));
  const hello = "require('http').createServer((request, response) => response.end()).listen(process.env.PORT)";
  const images = { hello: { command: process.execPath, args: ["-e", hello] } };
  const cloud = await startCloud({ folder, projects: [PROJECT], images });
  return {
    cloud,
    google: googleAt(cloud.url, cloud.identities.ownerToken),
    stop: async () => {
      await cloud.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Enables APIs. */
export async function enable({ google }: TestCloud, ...services: string[]): Promise<void> {
  const engine = new Engine(google);
  for (const service of services) await engine.create("gcp:projects/service:Service", { service });
}
