import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import type { StackConfig } from "../config.ts";
import type { Identity } from "../identity.ts";
import { LOGINS, SERVICE } from "../names.ts";
import { passwordStep } from "../rotation.ts";
import { LAST_STEP } from "./config.ts";
import { ACCOUNT, CLIENT, EXISTING, type Existing, INSTANCE, USER } from "./existing.ts";

/**
 * Adopts manually created resources in steps; docs/DEPLOYMENT.md says when to take the next one.
 *
 * 1. Existing resources are imported unchanged; missing ones are created.
 * 2. Everything but the instance's settings is updated to match the program: the service gets a new revision.
 * 3. The binding that lets the service connect to any instance is deleted, and the schema is adopted.
 *
 * Until the first rotation the service keeps its version of the secret, and its login the password. Removing `adopt` from
 * the configuration updates the instance's settings and ends adoption.
 *
 * Once production is adopted and its credential rotated, delete this folder and what no longer compiles: lines in
 * `settlement.ts` and `schema.ts`, the key in `config.ts`, the baseline in `script.ts`, `ops/preview/adoption.ts`.
 */
export function adoption(config: StackConfig): pulumi.ResourceTransformation {
  return ({ name, opts, props }) => {
    if (name === USER) opts = { ...opts, ...keepsPassword(config) };
    const existing = EXISTING[name];
    if (!config.adopt || !existing) return { props, opts };
    // `missing` says whether the account exists, so creating an existing one must fail.
    if (name === ACCOUNT) props = { ...props, createIgnoreAlreadyExists: undefined };
    if (!existing.id || isMissing(config, existing.part)) return { props, opts };
    const { project, region } = config;
    const { member = "" } = props as { member?: string };
    const place = { project, region, instance: config.adopt.instance, member };
    const ignoreChanges = [...(opts.ignoreChanges ?? []), ...kept(config, name, existing)];
    return { props, opts: { ...opts, import: existing.id(place), ignoreChanges } };
  };
}

/**
 * Blocks an update or preview that would change the password of an imported login, which is not in the state. The first
 * rotation may, because the service then no longer uses it.
 */
export function keepsPassword({ adopt, protect, rotation }: StackConfig): Pick<pulumi.CustomResourceOptions, "hooks"> {
  if (adopt || !protect || passwordStep(LOGINS[0], rotation.step) > 0) return {};
  const hook = new pulumi.ResourceHook(
    "settlement-password-by-hand",
    ({ oldInputs = {} }) => {
      if ("password" in oldInputs) return;
      throw new pulumi.RunError(
        `${LOGINS[0]} would get a new password while the service may still use the manually created one. ` +
          "Leave settlement:adopt in the configuration until npm run rotate has replaced it.",
      );
    },
    { onDryRun: true },
  );
  return { hooks: { beforeUpdate: [hook] } };
}

/** Declares the binding without a condition, which exists until the last step. */
export function declareClient(config: StackConfig, identity: Identity): void {
  if (!config.adopt || config.adopt.step >= LAST_STEP || isMissing(config, EXISTING[CLIENT]?.part)) return;
  // Deleted by its provider, which removes only this member and leaves bindings with a condition.
  new gcp.projects.IAMMember(
    CLIENT,
    { project: config.project, role: "roles/cloudsql.client", member: identity.member },
    { parent: identity },
  );
}

/** The version of the manually created connection string in use; undefined if none works. */
export function existingVersion({ adopt }: StackConfig): string | undefined {
  return adopt?.credential === "replace" ? undefined : adopt?.credential;
}

/** Whether the stack manages the schema; before the last step only if there are no tables. */
export function keepsSchema(config: StackConfig): boolean {
  return !config.adopt || config.adopt.step >= LAST_STEP || isMissing(config, "tables");
}

/** Whether the instance keeps its settings: until adoption ends. */
export function keepsSettings({ adopt }: StackConfig): boolean {
  return adopt !== undefined && adopt.step <= LAST_STEP;
}

/** The configuration after adoption, to preview what remains to change. */
export function afterAdoption(config: StackConfig): StackConfig {
  return config.adopt ? { ...config, adopt: { ...config.adopt, step: LAST_STEP + 1 } } : config;
}

/** The configuration of a stack without manually created resources. */
export function withoutAdoption(config: StackConfig): StackConfig {
  return { ...config, adopt: undefined };
}

function isMissing({ adopt }: StackConfig, part: string | undefined): boolean {
  return part !== undefined && adopt?.missing.includes(part) === true;
}

/** The properties of a resource that stay unchanged in this step. */
function kept(config: StackConfig, name: string, existing: Existing): readonly string[] {
  const { step = LAST_STEP } = config.adopt ?? {};
  if (name === INSTANCE) return keepsSettings(config) ? ["settings"] : [];
  if (name === USER) {
    const isFirst = passwordStep(LOGINS[0], config.rotation.step) === 0;
    return isFirst && existingVersion(config) !== undefined ? ["password"] : [];
  }
  // Without a working credential, the service gets one at once.
  if (step > 1 || (name === SERVICE && existingVersion(config) === undefined)) return [];
  return existing.kept ?? [];
}
