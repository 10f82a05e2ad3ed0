import * as pulumi from "@pulumi/pulumi";
import * as state from "@pulumi/pulumi/runtime/state.js";
import { parseConfig } from "../../infra/config.ts";
import type { HeldRevision } from "../../infra/service.ts";
import { type Outputs, settlement } from "../../infra/settlement.ts";

/** A resource as the program registered it with the engine. */
export interface Declared {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Names of the inputs whose values are secret. */
  readonly secrets: readonly string[];
  /** URNs of the resources it depends on. */
  readonly dependencies: readonly string[];
  /** The same for each input. */
  readonly madeOf: Readonly<Record<string, readonly string[]>>;
  readonly protect: boolean;
  readonly retainOnDelete: boolean;
  /** Import id, or empty. */
  readonly importId: string;
  readonly ignoreChanges: readonly string[];
}

/** A minimal configuration; tests override parts of it. */
export const CONFIG = {
  project: "fusion-prime",
  region: "us-central1",
  environment: "prod",
  database: { tier: "db-custom-2-7680", availability: "REGIONAL" },
  service: { image: "us-central1-docker.pkg.dev/fusion-prime/settlement/settlement-service:1" },
} as const;

/** The passwords that the mocks generate, by resource; one in plain text is a leak. */
export const PASSWORDS = {
  "settlement-password": "Zq3fT9wLk2Vn8RbYx5Jm7Hd4s",
  "settlement-password-b": "Bw8dN4cXj6Pt2GvKs9Qy3Fz7h",
} as const;

/** Computed properties, as Google would answer them. */
function computed(type: string, name: string, inputs: Record<string, unknown>): Record<string, unknown> {
  switch (type) {
    case "random:index/randomId:RandomId":
      return { hex: "a504713e" };
    case "random:index/randomPassword:RandomPassword":
      return { result: PASSWORDS[name as keyof typeof PASSWORDS] };
    case "gcp:sql/databaseInstance:DatabaseInstance":
      return { serviceAccountEmailAddress: "p123-abc@gcp-sa-cloud-sql.iam.gserviceaccount.com" };
    case "gcp:serviceaccount/account:Account":
      return { email: `${String(inputs.accountId)}@fusion-prime.iam.gserviceaccount.com` };
    case "gcp:secretmanager/secretVersion:SecretVersion":
      return { version: "7" };
    case "gcp:projects/serviceIdentity:ServiceIdentity":
      return { member: "serviceAccount:service-123@gcp-sa-monitoring-notification.iam.gserviceaccount.com" };
    case "gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig":
      return { uptimeCheckId: "settlement-service-abc" };
    case "gcp:monitoring/notificationChannel:NotificationChannel":
      return { name: `projects/fusion-prime/notificationChannels/${String(inputs.displayName)}` };
    case "gcp:cloudrunv2/service:Service":
      return { uri: "https://settlement-service-x-uc.a.run.app" };
    default:
      return {};
  }
}

/**
 * Runs the program with mocks.
 * @param change Overrides of {@link CONFIG}.
 * @param preview Whether computed properties are unknown, as in the preview of a new stack.
 * @param held The revisions that serve the traffic.
 * @param heldRegion The region that the load balancer leads to meanwhile.
 */
export async function declare(
  change: Record<string, unknown> = {},
  preview = false,
  held: readonly HeldRevision[] = [],
  heldRegion?: string,
): Promise<{ resources: Declared[]; outputs: Outputs }> {
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs: given }) => {
        const inputs = given as Record<string, unknown>;
        return preview
          ? { id: undefined, state: inputs }
          : { id: `${name}-id`, state: { ...inputs, ...computed(type, name, inputs) } };
      },
      call: ({ token }) => {
        throw new Error(`The program must not call functions of a provider: ${token}`);
      },
    },
    "settlement",
    "test",
    preview,
  );
  // Without an engine, nothing calls hooks back.
  const idle = () => Promise.resolve();
  const callbacks = { awaitStackRegistrations: idle, registerResourceHook: idle, shutdown: idle };
  Object.assign((state as unknown as { getStore(): object }).getStore(), { callbacks });
  const monitor = pulumi.runtime.getMonitor() as unknown as { registerResource(request: Request, done: unknown): void };
  const requests = jest.spyOn(monitor, "registerResource");
  const config = parseConfig({ ...CONFIG, ...change });
  let outputs: Outputs | undefined;
  await pulumi.runtime.runInPulumiStack(async () => {
    outputs = settlement(config, undefined, held, undefined, heldRegion);
  });
  await (pulumi.runtime as unknown as { waitForRPCs(): Promise<void> }).waitForRPCs();
  if (!outputs) throw new Error("The program did not run.");
  // The first is the stack itself.
  const [, ...resources] = requests.mock.calls.map(([request]) => declared(request));
  return { resources, outputs };
}

/** The part of a registration's protocol buffer that is read here. */
interface Request {
  getType(): string;
  getName(): string;
  getParent(): string;
  getObject(): { toJavaScript(): Record<string, unknown> };
  getDependenciesList(): string[];
  getPropertydependenciesMap(): { entries(): Iterable<[string, { getUrnsList(): string[] }]> };
  getProtect(): boolean;
  getRetainondelete(): boolean;
  getImportid(): string;
  getIgnorechangesList(): string[];
}

const SECRET = "4dabf18193072939515e22adb298388d";

function declared(request: Request): Declared {
  const raw = request.getObject().toJavaScript();
  const parentType = request.getParent().split("::")[2];
  const type = request.getType();
  const parts = ["test", "settlement", parentType ? `${parentType.split("$").at(-1) ?? ""}$${type}` : type];
  return {
    urn: ["urn:pulumi:test", ...parts.slice(1), request.getName()].join("::"),
    type,
    name: request.getName(),
    inputs: plain(raw) as Record<string, unknown>,
    secrets: Object.keys(raw).filter((key) => isSecret(raw[key])),
    dependencies: request.getDependenciesList(),
    madeOf: Object.fromEntries(
      Array.from(request.getPropertydependenciesMap().entries(), ([property, made]) => [property, made.getUrnsList()]),
    ),
    protect: request.getProtect(),
    retainOnDelete: request.getRetainondelete(),
    importId: request.getImportid(),
    ignoreChanges: request.getIgnorechangesList(),
  };
}

function isSecret(value: unknown): value is { value: unknown } {
  return typeof value === "object" && value !== null && SECRET in value && "value" in value;
}

function plain(value: unknown): unknown {
  if (isSecret(value)) return plain(value.value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

/** The resource with this name. */
export function named(resources: readonly Declared[], name: string): Declared {
  const found = resources.filter((resource) => resource.name === name && resource.type.includes("/"));
  if (found.length !== 1 || !found[0]) {
    throw new Error(`${found.length} resources are named ${name}, of: ${resources.map((r) => r.name).join(", ")}`);
  }
  return found[0];
}

/** Names of a resource's direct and indirect dependencies. */
export function waitsFor(resources: readonly Declared[], name: string): Set<string> {
  const byUrn = new Map(resources.map((resource) => [resource.urn, resource]));
  const names = new Set<string>();
  const visit = (resource: Declared | undefined) => {
    for (const urn of resource?.dependencies ?? []) {
      const next = byUrn.get(urn);
      if (next && !names.has(next.name)) {
        names.add(next.name);
        visit(next);
      }
    }
  };
  visit(named(resources, name));
  return names;
}
