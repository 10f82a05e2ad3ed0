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

/** The parts of an import id. */
interface Place {
  readonly project: string;
  readonly region: string;
  readonly instance: string;
  /** The member of a binding. */
  readonly member: string;
}

/** A manually created resource. */
export interface Existing {
  /** Its name in `settlement:adopt.missing`, if it may be missing. */
  readonly part?: string;
  /** The import id of the official provider; none for the tables. */
  readonly id?: (place: Place) => string;
  /** Properties that the first step leaves unchanged. All others cannot differ, or force a replacement. */
  readonly kept?: readonly string[];
}

/** Logical name of the manually created binding without a condition. */
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
    kept: ["ingress", "labels", "scaling", "template", "traffics"],
  },
  "settlement-schema": { part: "tables" },
  [USER]: { part: "user", id: ({ instance, project }) => `${project}/${instance}/${LOGINS[0]}` },
};

/** The configuration key of adoption. */
export const ADOPT_KEY = "settlement:adopt";
