import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CloudOptions, type EmbeddedCloud, startCloud } from "../../../packages/embedded-google-cloud/index.ts";

/** The projects of the embedded cloud. */
export const PROJECT = "fusion-prime";
export const OTHER_PROJECT = "fusion-spare";

/** A response; its body is parsed if it is JSON, otherwise empty. */
export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly bytes: Buffer;
  readonly headers: Headers;
}

/** Options of a request; by default it is the owner's. */
export interface Ask {
  /** Another caller's token; "" for none. */
  readonly token?: string;
  readonly headers?: Record<string, string>;
}

/** An embedded cloud on a free port, with a temporary folder, and a client for it. */
export class Embedded {
  readonly folder = mkdtempSync(join(tmpdir(), "embedded-cloud-"));
  private running: EmbeddedCloud | undefined;
  private readonly images: NonNullable<CloudOptions["images"]>;
  private readonly projects: readonly string[];

  constructor(
    images: NonNullable<CloudOptions["images"]> = {},
    projects: readonly string[] = [PROJECT, OTHER_PROJECT],
  ) {
    this.images = images;
    this.projects = projects;
  }

  get cloud(): EmbeddedCloud {
    if (!this.running) throw new Error("The embedded cloud is not running.");
    return this.running;
  }

  /** @param services APIs to enable in both projects. */
  async start(...services: string[]): Promise<void> {
    this.running = await startCloud({ folder: this.folder, projects: this.projects, images: this.images });
    for (const project of services.length > 0 ? this.projects : []) {
      await this.post(`/v1/projects/${project}/services:batchEnable`, { serviceIds: services });
    }
  }

  /** Stops it; the state remains. */
  async stop(): Promise<void> {
    await this.running?.stop();
    this.running = undefined;
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true });
  }

  get = (path: string, ask?: Ask) => this.ask("GET", path, undefined, ask);
  delete = (path: string, ask?: Ask) => this.ask("DELETE", path, undefined, ask);
  post = (path: string, body: unknown = {}, ask?: Ask) => this.ask("POST", path, body, ask);
  patch = (path: string, body: unknown, ask?: Ask) => this.ask("PATCH", path, body, ask);
  put = (path: string, body: unknown, ask?: Ask) => this.ask("PUT", path, body, ask);

  /** Gives a role of a policy these members and no others. @param path Of the policy, such as `/storage/v1/b/NAME/iam`. */
  async grant(path: string, binding: { readonly role: string; readonly [key: string]: unknown }): Promise<Answer> {
    const { body } = await this.get(`${path}?optionsRequestedPolicyVersion=3`);
    const others = (body.bindings as { role: string }[]).filter(({ role }) => role !== binding.role);
    return this.put(path, { ...body, version: 3, bindings: [...others, binding] });
  }

  /** @param body Sent as JSON; text and bytes are sent unchanged. */
  async ask(method: string, path: string, body: unknown, { token, headers }: Ask = {}): Promise<Answer> {
    const raw = typeof body === "string" || body instanceof Uint8Array;
    const response = await fetch(this.cloud.url + path, {
      method,
      headers: {
        ...(token !== "" && { authorization: `Bearer ${token ?? this.cloud.identities.ownerToken}` }),
        ...(body !== undefined && !raw && { "content-type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body: raw ? (body as string | Uint8Array<ArrayBuffer>) : JSON.stringify(body) }),
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    return { status: response.status, body: parse(bytes), bytes, headers: response.headers };
  }
}

/** The message of an error. */
export function message({ body }: Answer): string | undefined {
  return (body.error as { message?: string } | undefined)?.message;
}

export function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

function parse(bytes: Buffer): Record<string, unknown> {
  try {
    return JSON.parse(bytes.toString()) as Record<string, unknown>;
  } catch {
    return {};
  }
}
