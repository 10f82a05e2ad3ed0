import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import type { StackConfig } from "../config.ts";
import type { Identity } from "../identity.ts";
import { LOGINS, SERVICE } from "../names.ts";
import { passwordStep } from "../rotation.ts";
import { LAST_STEP } from "./config.ts";
import { ACCOUNT, CLIENT, EXISTING, type Existing, INSTANCE, USER } from "./existing.ts";

/**
 * Takes over what was created manually, in steps; docs/DEPLOYMENT.md says when to take the next one.
 *
 * 1. What exists is imported and stays as it is; what is missing is made.
 * 2. All but the settings of the instance become what the program says: the service gets a new revision.
 * 3. The binding by which the service may connect to any instance goes, and the schema is taken over.
 *
 * Until the first rotation the service keeps the version of the secret that it uses, and its login its password. When
 * `adopt` has left the configuration, the settings of the instance follow, and nothing is left of adoption.
 *
 * Once production is adopted and its credential rotated, this folder can be deleted, and with it what TypeScript then
 * misses: the lines of `settlement.ts`, the key of `config.ts`, the baseline of `script.ts`, `ops/preview/adoption.ts`.
 */
export function adoption(config: StackConfig): pulumi.ResourceTransformation {
  return ({ name, opts, props }) => {
    if (name === USER) opts = { ...opts, ...keepsPassword(config) };
    const existing = EXISTING[name];
    if (!config.adopt || !existing) return { props, opts };
    // Whether an account is there already is known now, so that creating one must fail where it is.
    if (name === ACCOUNT) props = { ...props, createIgnoreAlreadyExists: undefined };
    if (!existing.id || isMissing(config, existing.part)) return { props, opts };
    const { project, region } = config;
    const { member = "" } = props as { member?: string };
    const place = { project, region, instance: config.adopt.instance, member };
    return { props, opts: { ...opts, import: existing.id(place), ignoreChanges: [...kept(config, name, existing)] } };
  };
}

/**
 * Stops an update and its preview, whoever runs them, that would take the password away from a login that was imported
 * with it: its state has none. The first rotation may, because then the service no longer uses it.
 */
export function keepsPassword({ adopt, protect, rotation }: StackConfig): Pick<pulumi.CustomResourceOptions, "hooks"> {
  if (adopt || !protect || passwordStep(LOGINS[0], rotation.step) > 0) return {};
  const hook = new pulumi.ResourceHook(
    "settlement-password-by-hand",
    ({ oldInputs = {} }) => {
      if ("password" in oldInputs) return;
      throw new pulumi.RunError(
        `${LOGINS[0]} would get another password, and the service may still use the one that was made by hand. ` +
          "Leave settlement:adopt in the configuration until npm run rotate has replaced it.",
      );
    },
    { onDryRun: true },
  );
  return { hooks: { beforeUpdate: [hook] } };
}

/** The binding without a condition, which is still there before the last step. */
export function declareClient(config: StackConfig, identity: Identity): void {
  if (!config.adopt || config.adopt.step >= LAST_STEP || isMissing(config, EXISTING[CLIENT]?.part)) return;
  // Left to its own provider: it removes this member under the policy's etag, and leaves bindings with a condition.
  new gcp.projects.IAMMember(
    CLIENT,
    { project: config.project, role: "roles/cloudsql.client", member: identity.member },
    { parent: identity },
  );
}

/** The version of the connection string that works and that nobody but the secret knows; undefined where there is none. */
export function existingVersion({ adopt }: StackConfig): string | undefined {
  return adopt?.credential === "replace" ? undefined : adopt?.credential;
}

/** Whether the stack keeps the schema already; in the first two steps it does so only where there are no tables. */
export function keepsSchema(config: StackConfig): boolean {
  return !config.adopt || config.adopt.step >= LAST_STEP || isMissing(config, "tables");
}

/** The configuration of the stack once adoption has ended, for a look at what is then still to change. */
export function afterAdoption(config: StackConfig): StackConfig {
  return config.adopt ? { ...config, adopt: { ...config.adopt, step: LAST_STEP + 1 } } : config;
}

/** The configuration of a stack for which nothing was created manually. */
export function withoutAdoption(config: StackConfig): StackConfig {
  return { ...config, adopt: undefined };
}

function isMissing({ adopt }: StackConfig, part: string | undefined): boolean {
  return part !== undefined && adopt?.missing.includes(part) === true;
}

/** The properties of a resource that stay as they are for now. */
function kept(config: StackConfig, name: string, existing: Existing): readonly string[] {
  const { step = LAST_STEP } = config.adopt ?? {};
  if (name === INSTANCE) return step <= LAST_STEP ? ["settings"] : [];
  if (name === USER) {
    const isFirst = passwordStep(LOGINS[0], config.rotation.step) === 0;
    return isFirst && existingVersion(config) !== undefined ? ["password"] : [];
  }
  // Where no credential works, the service gets one at once.
  if (step > 1 || (name === SERVICE && existingVersion(config) === undefined)) return [];
  return existing.kept ?? [];
}
