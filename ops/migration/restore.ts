import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { type Google, GoogleError } from "../../infra/google.ts";
import { type BackupRun, backupRuns, heldVersion, type SchemaState } from "../../infra/migrations/importer.ts";
import { readState, type StateResource } from "../engine/state.ts";
import { UserError } from "../terminal/user-error.ts";
import { update } from "../update/update.ts";
import { forgetSchema, INSTANCE } from "../engine/lost-instance.ts";
import { goTo, type GoToOptions } from "./go-to.ts";
import { afterwards } from "./rollback.ts";
import { appliedSchema } from "./status.ts";

type Place = Pick<SchemaState, "instance" | "project">;
type Login = Required<Pick<gapi.client.sql.User, "name" | "password">>;

/**
 * Restores a stack's instance from a backup: says what will be lost, asks, restores, sets the logins' current passwords, and
 * sets configuration and state to the version in the backup. Can be run again after an interruption.
 * @param backup The backup's id.
 * @returns Whether the user confirmed.
 * @throws UserError if the backup does not exist, holds no version or lacks a login; and as the update does.
 */
export async function restore(stack: Stack, google: Google, backup: string, options: GoToOptions): Promise<boolean> {
  const { name } = stack;
  const schema = await appliedSchema(stack);
  if (!schema) throw new UserError(`Stack "${name}" has no schema yet.`);
  const { instance, project } = schema.outputs;
  const run = await find(google, schema.outputs, backup);
  const version = heldVersion(run, schema.outputs);
  if (version === "") {
    throw new UserError(
      `Backup ${backup} was taken before the first schema version. Restore it as docs/CLOUD_SQL_MIGRATION_GUIDE.md, "Rolling back", describes.`,
    );
  }
  const taken = run.startTime ?? run.enqueuedTime;
  const { resources = [] } = (await readState(stack, { showSecrets: true })).deployment;
  const logins = loginsOf(resources, taken);
  options.say(
    [
      `Backup ${backup} of ${instance}, taken ${taken}${run.description === undefined ? "" : `, ${run.description}`}.`,
      `It holds schema version ${version}; ${name} is at ${schema.outputs.version}.`,
      `Everything written to any database of ${instance} since ${taken} will be lost.`,
      "The instance refuses connections during the restore.",
    ].join("\n"),
  );
  let begun = false;
  const done = await goTo(stack, version, options, {
    begun: () => begun,
    run: async () => {
      begun = true;
      options.say(`Restoring ${instance} ...`);
      const kind = "sql#restoreBackupContext";
      const body: gapi.client.sql.InstancesRestoreBackupRequest = {
        restoreBackupContext: { kind, backupRunId: backup, instanceId: instance, project },
      };
      const path = `projects/${project}/instances/${instance}/restoreBackup`;
      await google.operate({ api: "sql", path, body }).catch((error: unknown) => {
        begun = !(error instanceof GoogleError && error.nothingDone);
        throw new UserError(`Backup ${backup} was not restored: ${(error as Error).message}`);
      });
      await renewPasswords(google, schema.outputs, logins);
    },
  });
  if (done) {
    options.say(
      `${instance} is restored as of ${taken}, with schema version ${version}. ${afterwards(name)} The service keeps its ` +
        "revision: deploy an earlier one if this one needs what was removed.",
    );
  }
  return done;
}

/**
 * Restores the backup of an instance that was deleted into the stack's instance, which took its place: says what is lost, asks,
 * restores, sets the logins' current passwords, and updates the schema to the newest version. Can be run again after an
 * interruption.
 * @param backup `projects/PROJECT/backups/ID`.
 * @returns Whether the user confirmed.
 * @throws UserError if the backup does not exist or is not complete; and as the update does.
 */
export async function restoreKept(
  stack: Stack,
  google: Google,
  backup: string,
  options: GoToOptions,
): Promise<boolean> {
  const { name } = stack;
  const { resources = [] } = (await readState(stack, { showSecrets: true })).deployment;
  const place = resources.find(({ type }) => type === INSTANCE)?.outputs;
  if (!place?.name || !place.project)
    throw new UserError(`Stack "${name}" has no instance: npm run up -- --stack ${name}`);
  const { name: instance, project } = place;
  const kept = await google.call<gapi.client.sql.Backup>({ api: "sql", path: backup }).catch((error: unknown) => {
    if (!(error instanceof GoogleError && error.status === 404)) throw error;
    throw new UserError(`There is no ${backup}. List the kept ones: gcloud sql backups list --project=${project}`);
  });
  if (kept.state !== "SUCCESSFUL")
    throw new UserError(`${backup} cannot be restored: it is ${kept.state ?? "unknown"}.`);
  options.say(
    [
      `Backup of ${kept.instance ?? "an instance"}, taken ${kept.backupInterval?.endTime ?? "at an unknown time"}.`,
      `Everything in ${instance} now will be lost. It refuses connections during the restore.`,
    ].join("\n"),
  );
  if (!(await options.confirm())) return false;
  options.say(`Restoring into ${instance} ...`);
  const path = `projects/${project}/instances/${instance}/restoreBackup`;
  await google.operate({ api: "sql", path, body: { backup } }).catch((error: unknown) => {
    throw new UserError(`${backup} was not restored: ${(error as Error).message}`);
  });
  await renewPasswords(google, { instance, project }, loginsOf(resources, new Date().toISOString()));
  // The versions in the database are those of the backup, and an import skips them.
  await forgetSchema(stack);
  await update(stack, {
    confirm: () => Promise.resolve(true),
    print: options.print,
    progress: options.progress,
  });
  options.say(`${instance} has the content of ${backup}, and the schema of this checkout.`);
  return true;
}

/** A backup also restores the passwords of its time. */
async function renewPasswords(google: Google, { instance, project }: Place, logins: readonly Login[]): Promise<void> {
  for (const body of logins) {
    const { name } = body;
    const query = new URLSearchParams({ name });
    const path = `projects/${project}/instances/${instance}/users?${query.toString()}`;
    await google.operate({ api: "sql", method: "PUT", path, body }).catch((error: unknown) => {
      throw new UserError(
        `The backup is restored, but the current password of ${name} was not set: ${(error as Error).message} Run the command again.`,
      );
    });
  }
}

async function find(google: Google, schema: SchemaState, id: string): Promise<BackupRun> {
  const runs = (await backupRuns(google, schema)).filter(({ status }) => status === "SUCCESSFUL");
  const found = runs.find((run) => run.id === id);
  if (found) return found;
  const others = runs.map((run) => run.id).join(", ") || "none";
  throw new UserError(`Instance ${schema.instance} has no backup ${id} that can be restored; it has: ${others}.`);
}

/**
 * The logins and passwords in the state.
 * @param taken When the backup was taken, ISO 8601.
 * @throws UserError if a login was created later, or its password is not in the state.
 */
export function loginsOf(resources: readonly StateResource[], taken: string): Login[] {
  return resources
    .filter(({ type }) => type === "gcp:sql/user:User")
    .map(({ created, inputs }) => {
      const { name = "", password } = inputs as unknown as { name?: string; password?: { plaintext: string } };
      if (created !== undefined && new Date(created) > new Date(taken)) {
        throw new UserError(
          `The backup of ${taken} is older than the login ${name}, created at ${created}, so the service could not log in. Choose a newer backup.`,
        );
      }
      if (!password) {
        throw new UserError(
          `The state has no password of ${name}, which was created manually and not yet replaced, so it could not be set ` +
            "again after the restore. Run npm run rotate first, and choose a backup taken after it; or restore as " +
            'docs/CLOUD_SQL_MIGRATION_GUIDE.md, "Rolling back", describes.',
        );
      }
      return { name, password: JSON.parse(password.plaintext) as string };
    });
}
