import {
  DiffKind,
  type EngineEvent,
  type OpType,
  type StepEventMetadata,
  type StepEventStateMetadata,
} from "@pulumi/pulumi/automation/index.js";
import { findLosses, type Kept } from "../../../ops/preview/guard.ts";
import type { Report } from "../../../ops/preview/report.ts";
import { heldBack, isSchema, migrationSteps } from "../../../ops/preview/migrations.ts";
import { readEvents } from "../../../ops/preview/model.ts";
import { checksum, type Migration } from "../../../infra/migrations/files.ts";

/** The engine's mark of a secret in events. */
export const secret = {
  "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
  ciphertext: "[secret]",
};

/** The engine's mark of an unknown value. */
export const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

type Inputs = Record<string, unknown>;

/** A resource for the steps below. */
export interface Declared {
  readonly type: string;
  readonly name: string;
  /** The component's type, if the resource has one. */
  readonly component?: string;
  readonly id?: string;
  readonly retainOnDelete?: boolean;
}

/** Types that the tests use. */
export const types = {
  instance: "gcp:sql/databaseInstance:DatabaseInstance",
  user: "gcp:sql/user:User",
  bucket: "gcp:storage/bucket:Bucket",
  object: "gcp:storage/bucketObject:BucketObject",
  secretVersion: "gcp:secretmanager/secretVersion:SecretVersion",
  service: "gcp:cloudrunv2/service:Service",
  job: "gcp:cloudrunv2/job:Job",
  account: "gcp:serviceaccount/account:Account",
  auditConfig: "gcp:projects/iAMAuditConfig:IAMAuditConfig",
  schema: "pulumi-nodejs:dynamic/settlement:ImportedSchema",
} as const;

/** The URN of a resource. */
export function urn({ component, name, type }: Declared): string {
  const chain = component === undefined ? type : `settlement:infra:${component}$${type}`;
  return `urn:pulumi:test::settlement::${chain}::${name}`;
}

function state(resource: Declared, inputs: Inputs): StepEventStateMetadata {
  const parent =
    resource.component === undefined
      ? "urn:pulumi:test::settlement::pulumi:pulumi:Stack::settlement-test"
      : `urn:pulumi:test::settlement::settlement:infra:${resource.component}::settlement`;
  return {
    type: resource.type,
    urn: urn(resource),
    custom: true,
    id: resource.id ?? "",
    parent,
    inputs,
    outputs: {},
    provider: "",
    ...(resource.retainOnDelete === true && { retainOnDelete: true }),
  };
}

/** The engine's event before a step. */
export function step(
  op: OpType,
  resource: Declared,
  sides: { before?: Inputs; after?: Inputs },
  more: Partial<StepEventMetadata> = {},
): EngineEvent {
  const metadata: StepEventMetadata = {
    op,
    urn: urn(resource),
    type: resource.type,
    provider: "",
    ...(sides.before && { old: state(resource, sides.before) }),
    ...(sides.after && { new: state({ ...resource, id: "" }, sides.after) }),
    ...more,
  };
  return { sequence: 0, timestamp: 0, resourcePreEvent: { metadata, planning: true } };
}

/** The event of a refresh: the last update's inputs and the current ones, undefined if the resource is gone. */
export function found(
  resource: Declared,
  before: Inputs,
  after: Inputs | undefined,
  diffs: string[] = [],
): EngineEvent {
  const metadata: StepEventMetadata = {
    op: "refresh",
    urn: urn(resource),
    type: resource.type,
    provider: "",
    old: state(resource, before),
    ...(after && { new: state(resource, after) }),
    detailedDiff: Object.fromEntries(diffs.map((path) => [path, { diffKind: DiffKind.update, inputDiff: false }])),
  };
  return { sequence: 0, timestamp: 0, resOutputsEvent: { metadata, planning: true } };
}

/** The three events of a replacement. */
export function replacement(resource: Declared, before: Inputs, after: Inputs, keys: string[]): EngineEvent[] {
  return [
    step("delete-replaced", resource, { before }),
    step("replace", resource, { before, after }),
    step("create-replacement", resource, { before, after }, { keys }),
  ];
}

/** A policy's finding. */
export function violation(
  level: "mandatory" | "advisory",
  policy: string,
  message: string,
  on?: Declared,
): EngineEvent {
  const event = {
    message,
    color: "never",
    policyName: policy,
    policyPackName: "settlement",
    policyPackVersion: "1.0.0",
    policyPackVersionTag: "1.0.0",
    ...(on && { resourceUrn: urn(on) }),
  };
  // The engine sends "advisory"; the SDK's type says "warning".
  return { sequence: 0, timestamp: 0, policyEvent: { ...event, enforcementLevel: level as "mandatory" } };
}

/** An error that the engine reports. */
export function failure(message: string, on?: Declared): EngineEvent {
  const diagnosticEvent = { message, color: "never", severity: "error" as const, ...(on && { urn: urn(on) }) };
  return { sequence: 0, timestamp: 0, diagnosticEvent };
}

/** The stack's configuration. */
export function configured(config: Record<string, string>): EngineEvent {
  return { sequence: 0, timestamp: 0, preludeEvent: { config } };
}

/** Two applied migrations, a pending one, one with an empty down script, and a repeatable file. */
export const files: Migration[] = [
  ["20250101000000", "create_a", "CREATE TABLE a (id int PRIMARY KEY);", "DROP TABLE a;"],
  ["20250102000000", "create_b", "CREATE TABLE b (id int PRIMARY KEY);", "DROP TABLE b;"],
  [
    "20250103000000",
    "note",
    "-- ``` is no fence\nALTER TABLE b ADD COLUMN note text;",
    "ALTER TABLE b DROP COLUMN note;",
  ],
  ["20250104000000", "seed", "INSERT INTO a VALUES (1);", "-- The rows stay."],
].map(([version = "", name = "", up = "", down = ""]) => {
  const text = `-- migrate:up\n${up}\n\n-- migrate:down\n${down}\n`;
  return { version, file: `${version}_${name}.sql`, text, checksum: checksum(text) };
});

const text = "CREATE OR REPLACE VIEW v AS SELECT 1 AS one;\n";
const view: Migration = { version: "", file: "repeatable/view.sql", text, checksum: checksum(text) };

/** The schema's inputs with the first `count` migrations. */
export function schemaAt(count: number): Inputs {
  const migrations = files.slice(0, count).map(({ checksum, file, version }) => ({ checksum, file, version }));
  return { database: "settlement_db", instance: "i", migrations, version: migrations.at(-1)?.version ?? "" };
}

/** A report as `inspect` makes it, from events only. */
export function report(events: readonly EngineEvent[], more: Partial<Report> = {}, state: Kept[] = []): Report {
  const preview = readEvents(events);
  return {
    stack: "test",
    offline: false,
    refreshed: false,
    disabled: [],
    outside: [],
    preview,
    losses: findLosses(preview, state, undefined, files),
    migrations: preview.changes.filter(isSchema).flatMap((change) => migrationSteps(change, [...files, view])),
    held: heldBack(preview.config, [...files.slice(0, 3), view]),
    lint: [],
    later: [],
    dependencies: new Map(),
    ...more,
  };
}
