import {
  CONNECTION_STRING_SECRET,
  DATABASE,
  LOGINS,
  MIGRATION_JOB,
  migrationsBucket,
  PASSWORD_SECRET,
  SERVICE,
  serviceAccountEmail,
} from "../names.ts";

/** Where production is, and what an import's id is made of. */
interface Place {
  readonly project: string;
  readonly region: string;
  /** Name of the instance. */
  readonly instance: string;
  /** Who the resource grants something to, where it is a binding. */
  readonly member: string;
}

/** What was created manually. */
export interface Existing {
  /** What the configuration calls it, where it may be missing. */
  readonly part?: string;
  /**
   * The id by which the official provider imports it. A password is in none of them, and no version of a secret is one.
   * Nothing stands for the tables.
   */
  readonly id?: (place: Place) => string;
  /** What the first step leaves as it is. What is not among it cannot differ, or forces a new resource. */
  readonly kept?: readonly string[];
}

/** Logical name of the binding that was created manually, without a condition, beside the stack's own. */
export const CLIENT = "settlement-cloudsql-client-by-hand";
export const ACCOUNT = "settlement-account";
export const INSTANCE = "settlement-instance";
export const USER = "settlement-user";

/** By logical name. */
export const EXISTING: Readonly<Record<string, Existing>> = {
  [ACCOUNT]: {
    part: "account",
    id: ({ project }) => `projects/${project}/serviceAccounts/${serviceAccountEmail(project)}`,
    kept: ["displayName"],
  },
  "settlement-migrations": {
    part: "bucket",
    id: ({ project }) => migrationsBucket(project),
    kept: ["labels", "lifecycleRules", "publicAccessPrevention", "uniformBucketLevelAccess", "versioning"],
  },
  "settlement-migrations-reader": {
    part: "bucketReader",
    id: ({ member, project }) => `b/${migrationsBucket(project)} roles/storage.objectViewer ${member}`,
  },
  [CLIENT]: {
    part: "client",
    id: ({ project }) => `${project} roles/cloudsql.client serviceAccount:${serviceAccountEmail(project)}`,
  },
  [CONNECTION_STRING_SECRET]: {
    part: "connectionStringSecret",
    id: ({ project }) => `projects/${project}/secrets/${CONNECTION_STRING_SECRET}`,
    kept: ["labels", "versionDestroyTtl"],
  },
  "settlement-database": {
    part: "database",
    id: ({ instance, project }) => `projects/${project}/instances/${instance}/databases/${DATABASE}`,
  },
  [INSTANCE]: { id: ({ instance, project }) => `projects/${project}/instances/${instance}` },
  "settlement-instance-suffix": { id: ({ instance }) => Buffer.from(instance.slice(-8), "hex").toString("base64url") },
  "settlement-migration-job": {
    part: "migrationJob",
    id: ({ project, region }) => `projects/${project}/locations/${region}/jobs/${MIGRATION_JOB}`,
    kept: ["labels", "template"],
  },
  [PASSWORD_SECRET]: {
    part: "passwordSecret",
    id: ({ project }) => `projects/${project}/secrets/${PASSWORD_SECRET}`,
    kept: ["labels", "versionDestroyTtl"],
  },
  [SERVICE]: {
    part: "service",
    id: ({ project, region }) => `projects/${project}/locations/${region}/services/${SERVICE}`,
    kept: ["ingress", "labels", "template", "traffics"],
  },
  "settlement-schema": { part: "tables" },
  [USER]: { part: "user", id: ({ instance, project }) => `${project}/${instance}/${LOGINS[0]}` },
};

/** The configuration's key of adoption. */
export const ADOPT_KEY = "settlement:adopt";
