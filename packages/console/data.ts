/** What the server tells the page: a whole value for each topic, whenever it changes. None holds a secret. */
export interface Topics {
  readonly stack: StackInfo;
  readonly system: System;
  readonly traffic: Traffic;
  readonly calls: readonly Call[];
  readonly logs: readonly LogLine[];
  readonly schema: Schema;
  readonly doctor: Doctor;
  readonly incident: Incident;
  /** What runs, or ran last. */
  readonly job: Job | undefined;
}

/** How something is: `idle` is in order, but nothing uses it. */
export type Health = "ok" | "busy" | "idle" | "warning" | "error";

export interface StackInfo {
  readonly name: string;
  readonly project: string;
  readonly region: string;
  /** The embedded cloud. */
  readonly url: string;
}

/** A box of the picture. */
export interface Part {
  readonly id: string;
  /** Which icon it has. */
  readonly kind: PartKind;
  readonly title: string;
  /** Short facts below the title. */
  readonly subtitle: string;
  readonly health: Health;
  /** The health in words. */
  readonly says: string;
  /** Id of the box around it. */
  readonly parent?: string;
  readonly details: readonly (readonly [label: string, value: string])[];
}

export type PartKind =
  | "account"
  | "alert"
  | "bucket"
  | "database"
  | "instance"
  | "login"
  | "password"
  | "revision"
  | "schema"
  | "secret"
  | "service"
  | "uptime";

/** An arrow of the picture. */
export interface Wire {
  readonly from: string;
  readonly to: string;
  readonly label: string;
  /** `error`: the stack declares it, but the cloud lacks it. */
  readonly health: Health;
  /** The whole fact, such as a role with its condition. */
  readonly says: string;
}

/** The stack, as the cloud and the engine's state have it. */
export interface System {
  readonly parts: readonly Part[];
  readonly wires: readonly Wire[];
}

/** The share of a revision in the traffic. */
export interface Share {
  readonly revision: string;
  readonly percent: number;
  readonly tag?: string;
  readonly health: Health;
  readonly says: string;
}

/** A request to the service. */
export interface ServiceRequest {
  readonly id: string;
  /** ISO 8601. */
  readonly at: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly milliseconds: number;
  readonly revision: string;
}

export interface Traffic {
  readonly url: string;
  readonly shares: readonly Share[];
  /** Newest first. */
  readonly requests: readonly ServiceRequest[];
}

/** A call of a Google API. */
export interface Call {
  readonly id: number;
  readonly at: string;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** Such as `user:EMAIL`. */
  readonly caller: string;
  /** The permissions that it needed and the caller had. */
  readonly permissions: readonly string[];
  readonly status: number;
  /** Google's error message. */
  readonly message?: string;
}

export interface LogLine {
  readonly id: string;
  readonly at: string;
  readonly source: "service" | "PostgreSQL" | "Cloud Run";
  readonly severity: string;
  readonly text: string;
}

export interface SchemaVersion {
  /** Empty for a repeatable file. */
  readonly version: string;
  readonly file: string;
  readonly status: string;
  readonly at?: string;
  /** Id of the backup taken before it. */
  readonly backup?: string;
  /** The text of the file, if it is in this checkout. */
  readonly sql: string;
}

export interface Schema {
  readonly versions: readonly SchemaVersion[];
  readonly backups: readonly {
    readonly id: string;
    readonly at: string;
    readonly status: string;
    readonly description: string;
  }[];
  readonly tables: readonly { readonly name: string; readonly rows: number }[];
  /** Why the tables cannot be read. */
  readonly problem?: string;
}

/** A row of the doctor's table. */
export interface Diagnosis {
  readonly check: string;
  readonly title: string;
  readonly verdict: "finding" | "consequence" | "unseen" | "ok";
  readonly found: string;
  /** The command that the doctor prints. */
  readonly fix?: string;
  readonly because?: readonly string[];
  /** Whether the console runs the command. */
  readonly runs: boolean;
}

export interface Doctor {
  readonly running: boolean;
  /** When it last ended, ISO 8601; undefined before. */
  readonly at?: string;
  /** Findings first. */
  readonly rows: readonly Diagnosis[];
  /** Why it could not look. */
  readonly problem?: string;
}

/** Something that went wrong in the incident. */
export interface FaultInfo {
  readonly id: string;
  readonly title: string;
  /** What it was in the incident. */
  readonly story: string;
  /** How the switch causes it. */
  readonly how: string;
}

export interface Step {
  readonly text: string;
  readonly health: Health;
  /** Such as the answer of a request. */
  readonly detail?: string;
}

export interface Incident {
  readonly faults: readonly FaultInfo[];
  /** Id of the fault that was set last. */
  readonly fault?: string;
  readonly phase: "healthy" | "breaking" | "broken" | "fixing" | "rotating";
  readonly steps: readonly Step[];
  /** The stream of requests during a rotation. */
  readonly stream?: { readonly sent: number; readonly failed: number };
}

export interface Job {
  readonly id: number;
  readonly title: string;
  /** As a person would type it, if it is one. */
  readonly command?: string;
  readonly output: string;
  readonly state: "running" | "done" | "failed";
}

/** The answer of the service to a request of the page. */
export interface Answer {
  readonly request: string;
  readonly status: number;
  readonly body: string;
  readonly milliseconds: number;
}
