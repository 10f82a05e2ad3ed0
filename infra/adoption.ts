import * as pulumi from "@pulumi/pulumi";
import { LAST_STEP, type Missable, type StackConfig } from "./config.ts";
import { migrationsBucket } from "./names.ts";
import { passwordStep } from "./rotation.ts";

/**
 * Takes over what was made by hand, in steps; docs/DEPLOYMENT.md says when to take the next one.
 *
 * 1. What exists is imported and stays as it is; what is missing is made.
 * 2. All but the settings of the instance become what the program says: the service gets a new revision.
 * 3. The binding by which the service may connect to any instance goes, and the schema is taken over.
 *
 * Until the first rotation the service keeps the version of the secret that it uses, and its login its password. When
 * `adopt` has left the configuration, the settings of the instance follow, and nothing is left of adoption.
 */

/** A resource that was made by hand. */
export type Part = Exclude<Missable, "tables"> | "instance" | "instanceSuffix";

/** What adoption adds to a resource's options. */
export type Adopted = Pick<pulumi.CustomResourceOptions, "import" | "ignoreChanges">;

/**
 * The options that import a resource, and keep of it what may not change yet.
 * @param member Whom the binding of `bucketReader` names, which only the imported instance knows.
 * @returns No options where nothing is adopted, or the part is missing.
 */
export function adopted(config: StackConfig, part: Part, member = ""): Adopted {
  if (!config.adopt || isMissing(config, part)) return {};
  return { import: importId(config, part, member), ignoreChanges: [...kept(config, part)] };
}

/**
 * Stops an update and its preview, whoever runs them, that would take the password away from a login that was imported
 * with it: its state has none. The first rotation may, because then the service no longer uses it.
 * @param name Of the component, because a hook's name is there once in a program.
 */
export function keepsPassword(name: string, config: StackConfig): Pick<pulumi.CustomResourceOptions, "hooks"> {
  const { adopt, protect, rotation } = config;
  if (adopt || !protect || passwordStep("settlement_user", rotation.step) > 0) return {};
  const hook = new pulumi.ResourceHook(
    `${name}-password-by-hand`,
    ({ oldInputs = {} }) => {
      if ("password" in oldInputs) return;
      throw new pulumi.RunError(
        "settlement_user would get another password, and the service may still use the one that was made by hand. " +
          "Leave settlement:adopt in the configuration until npm run rotate has replaced it.",
      );
    },
    { onDryRun: true },
  );
  return { hooks: { beforeUpdate: [hook] } };
}

/** Whether the configuration says that a part was never made. */
export function isMissing({ adopt }: StackConfig, part: Part | "tables"): boolean {
  return adopt?.missing.some((missing) => missing === part) ?? false;
}

/**
 * Whether a credential was made by hand and works: then nobody knows it but the secret, and the service goes on with it.
 * @param credential Counted from 0, see `rotation.ts`.
 */
export function isByHand({ adopt }: StackConfig, credential: number): boolean {
  return adopt !== undefined && adopt.credential !== "replace" && credential === 0;
}

/** Whether the binding that was made by hand, without a condition, is still there beside the stack's own. */
export function hasClientByHand(config: StackConfig): boolean {
  return config.adopt !== undefined && config.adopt.step < 3 && !isMissing(config, "client");
}

/** Whether the stack keeps the schema already; in the first two steps it does so only where there are no tables. */
export function keepsSchema(config: StackConfig): boolean {
  return !config.adopt || config.adopt.step >= 3 || isMissing(config, "tables");
}

/** The configuration of the stack once adoption has ended, for a look at what is then still to change. */
export function afterAdoption(config: StackConfig): StackConfig {
  return config.adopt ? { ...config, adopt: { ...config.adopt, step: LAST_STEP + 1 } } : config;
}

/** The configuration of a stack for which nothing was made by hand. */
export function withoutAdoption(config: StackConfig): StackConfig {
  return { ...config, adopt: undefined };
}

/** The ids by which the official provider imports. A password is in none of them, and no version of a secret is one. */
function importId(config: StackConfig, part: Part, member: string): string {
  const { project, region } = config;
  const instance = config.adopt?.instance ?? "";
  const account = `settlement-service@${project}.iam.gserviceaccount.com`;
  switch (part) {
    case "account":
      return `projects/${project}/serviceAccounts/${account}`;
    case "bucket":
      return migrationsBucket(project);
    case "bucketReader":
      return `b/${migrationsBucket(project)} roles/storage.objectViewer ${member}`;
    case "client":
      return `${project} roles/cloudsql.client serviceAccount:${account}`;
    case "connectionStringSecret":
      return `projects/${project}/secrets/settlement-db-connection-string`;
    case "database":
      return `projects/${project}/instances/${instance}/databases/settlement_db`;
    case "instance":
      return `projects/${project}/instances/${instance}`;
    case "instanceSuffix":
      return Buffer.from(instance.slice(-8), "hex").toString("base64url");
    case "migrationJob":
      return `projects/${project}/locations/${region}/jobs/settlement-migration`;
    case "passwordSecret":
      return `projects/${project}/secrets/settlement-db-password`;
    case "service":
      return `projects/${project}/locations/${region}/services/settlement-service`;
    case "user":
      return `${project}/${instance}/settlement_user`;
  }
}

/** What the first step leaves as it is. What is not among it cannot differ, or forces a new resource. */
const KEPT: Partial<Record<Part, readonly string[]>> = {
  account: ["displayName"],
  bucket: ["labels", "lifecycleRules", "publicAccessPrevention", "uniformBucketLevelAccess", "versioning"],
  connectionStringSecret: ["labels", "versionDestroyTtl"],
  migrationJob: ["labels", "template"],
  passwordSecret: ["labels", "versionDestroyTtl"],
  service: ["ingress", "labels", "template", "traffics"],
};

function kept(config: StackConfig, part: Part): readonly string[] {
  const { step = LAST_STEP, credential } = config.adopt ?? {};
  switch (part) {
    case "instance":
      return step <= LAST_STEP ? ["settings"] : [];
    case "user":
      return isByHand(config, passwordStep("settlement_user", config.rotation.step)) ? ["password"] : [];
    case "service":
      // Where no credential works, the service gets one at once.
      return step === 1 && credential !== "replace" ? (KEPT.service ?? []) : [];
    default:
      return step === 1 ? (KEPT[part] ?? []) : [];
  }
}
