import { MIGRATION_JOB } from "../../../infra/names.ts";
import { lastPart } from "../../../infra/google.ts";
import { type Check, finding, type Judgement, ok } from "../check.ts";
import { DAY, type Facts, logins, type Operation, orHidden, orNothing, WRONG_PASSWORD } from "../facts.ts";
import { describeFailure } from "../answer.ts";
import { type Contents, tablesOf } from "../login.ts";
import { NotVisible } from "../../google/reader.ts";
import { command } from "../../terminal/command.ts";
import { UserError } from "../../terminal/user-error.ts";
import { connectionLimit } from "./connection-budget.ts";
import { ADMINISTRATOR, psql } from "../psql.ts";
import { recreate } from "../recreate.ts";
import { givePassword, writeString } from "./secrets.ts";

export const database: Check = {
  id: "database",
  title: "Database",
  causes: ["apis", "instance"],
  look: async (facts) => {
    const { database: name } = facts.target;
    if ((await facts.databases()).includes(name)) return ok(name);
    const { name: instance } = await facts.existingInstance();
    const create = facts.gcloud("sql", "databases", "create", name, `--instance=${instance}`);
    return finding(`${name} does not exist on ${instance}`, facts.deploy(create));
  },
};

export const user: Check = {
  id: "user",
  title: "Login name",
  causes: ["apis", "instance"],
  look: async (facts) => {
    const name = await facts.loginName();
    if ((await facts.users()).includes(name)) return ok(name);
    if (await mayNotLogIn(facts)) return finding(`the login ${name} may not log in`, await letLogIn(facts, name));
    const { name: instance } = await facts.existingInstance();
    const create = await givePassword(facts, "create", name);
    return finding(`the login ${name} does not exist on ${instance}`, facts.deploy(create));
  },
};

/** PostgreSQL's code for a login that may not log in; Cloud SQL does not list it. */
const NO_LOGIN = "28000";

async function mayNotLogIn(facts: Facts): Promise<boolean> {
  const result = await facts.loggedIn().catch(orNothing);
  const code = result ? !result.ok && result.code : (await facts.failure())?.code;
  return code === NO_LOGIN;
}

async function letLogIn(facts: Facts, login: string): Promise<string> {
  const { stack } = facts.target;
  return stack === undefined ? psql(facts, ADMINISTRATOR, `ALTER ROLE ${login} LOGIN;`) : recreate(stack);
}

export const login: Check = {
  id: "login",
  title: "Login",
  causes: ["apis", "disk", "instance", "connection-string", "user", "pinned-version"],
  look: async (facts) => {
    const { passwordSecret, secret } = facts.target;
    const result = await facts.loggedIn().catch(orHidden);
    if (result instanceof NotVisible) {
      const failure = await facts.failure();
      if (failure?.message?.includes("permission denied for database"))
        return finding(describeFailure(failure, [facts.target.database]), await letConnect(facts));
      if (failure?.code !== WRONG_PASSWORD) return compared(facts, result);
      if (await hasExpired(facts)) return expired(facts);
      return finding(`PostgreSQL refuses the login of the service: ${failure.code}`, await newPassword(facts));
    }
    const source = result.source ?? secret;
    // PostgreSQL checks the password before the database and the number of connections.
    if (result.ok || ["3D000", "53300"].includes(result.code)) return ok(`accepted with the password in ${source}`);
    const refusal = `PostgreSQL refuses the login with ${source}: ${result.message}`;
    if (result.alternative) {
      return finding(
        `${refusal}; it accepts the password in ${passwordSecret}`,
        facts.deploy(await writeString(facts, secret, await facts.versions(secret))),
      );
    }
    if (result.code === NO_LOGIN) return finding(refusal, await letLogIn(facts, await facts.loginName()));
    if (result.code !== WRONG_PASSWORD) return finding(refusal, await letConnect(facts));
    return (await hasExpired(facts)) ? expired(facts) : finding(refusal, await newPassword(facts));
  },
};

/** As every database has it. */
function letConnect(facts: Facts): Promise<string> {
  return psql(facts, ADMINISTRATOR, `GRANT CONNECT ON DATABASE ${facts.target.database} TO PUBLIC;`);
}

async function hasExpired(facts: Facts): Promise<boolean> {
  return (await facts.expired(await facts.loginName()).catch(orNothing)) === true;
}

/** A new password would expire at once. */
async function expired(facts: Facts): Promise<Judgement> {
  const { stack } = facts.target;
  const name = await facts.loginName();
  const forever = () => psql(facts, ADMINISTRATOR, `ALTER ROLE ${name} VALID UNTIL 'infinity';`);
  return finding(
    `PostgreSQL refuses the login ${name}, because its password has expired`,
    stack === undefined ? await forever() : recreate(stack),
  );
}

/** PostgreSQL's code for a table that does not exist. */
const NO_TABLE = "42P01";

async function newPassword(facts: Facts): Promise<string> {
  const { stack, user: name } = facts.target;
  if (stack !== undefined) return command("npm", "run", "rotate", "--", `--stack=${stack}`);
  return givePassword(facts, "set-password", name);
}

/**
 * Without a login: whether the secret has the password in the stack's state.
 * @param untried Why no login was tried.
 */
async function compared(facts: Facts, untried: NotVisible): Promise<Judgement> {
  const suspicious = await suspicion(facts);
  const { secret, user: first } = facts.target;
  const string = await facts.connectionString().catch(orHidden);
  if (string instanceof NotVisible || !string.ok) throw new NotVisible(untried.message + suspicious, untried.role);
  const { password, user: name } = string.value;
  const login = logins(first).includes(name) ? name : first;
  const given = await facts.generatedPassword(login).catch(orHidden);
  if (given instanceof NotVisible) {
    throw new NotVisible(
      `${untried.message}. The password was not compared either: ${given.message}${suspicious}`,
      untried.role,
    );
  }
  if (password !== given) {
    const found = `${secret} does not match the password of ${login} in the stack's state; no login was tried`;
    return finding(found, facts.deploy(await writeString(facts, secret, await facts.versions(secret))));
  }
  const same = `${secret} matches the password of ${login} in the stack's state`;
  // The login may still have another password in the database, which only a login or the service's answer shows.
  const answer = await facts.called().catch(orHidden);
  if (suspicious !== "" || answer instanceof NotVisible)
    throw new NotVisible(`${untried.message}; ${same}${suspicious}`, untried.role);
  return ok(`${same}; no login was tried`);
}

/** Signs of a password that was changed manually. */
async function suspicion(facts: Facts): Promise<string> {
  const { secret, user: name } = facts.target;
  const [operations = [], versions, users = []] = await Promise.all([
    facts.operations().catch(orNothing),
    facts.versions(secret).catch(orNothing),
    facts.users().catch(orNothing),
  ]);
  const own = users.filter((each) => logins(name).includes(each)).length;
  const changes = operations.map(({ operationType }) => /^(CREATE|UPDATE|DELETE)_USER$/.test(operationType));
  const change = operations.find((_operation, index) => {
    if (!changes[index]) return false;
    // A migration ends by changing the roles of each login.
    const before = changes.indexOf(false, index);
    return operations[before]?.operationType !== "IMPORT" || before - index > own;
  });
  const written = versions?.[0]?.createTime;
  if (!change || written === undefined || change.insertTime <= written) return "";
  const harmless = own > 1 ? " (normal for the idle login after a rotation)" : "";
  return `. Suspicious: ${change.user ?? "an unknown user"} changed a login at ${minute(change.insertTime)}, after the secret was written${harmless}`;
}

export const migration: Check = {
  id: "migration",
  title: "Last migration",
  causes: ["apis", "instance", "database", "user", "bucket"],
  look: async (facts) => {
    const imports = (await facts.operations()).filter(({ operationType }) => operationType === "IMPORT");
    const [last] = imports;
    const about = last && `${last.importContext?.uri ?? "import"} at ${minute(last.insertTime)}`;
    if (last?.error && !(await everythingApplied(facts))) {
      return finding(
        `${about} failed: ${reason(last)}`,
        facts.deploy(facts.gcloud("sql", "operations", "describe", last.name)),
      );
    }
    // The job may have committed a part before it failed.
    const execution = (await facts.migrationJob().catch(orNothing))?.latestCreatedExecution;
    if (execution?.completionStatus !== "EXECUTION_FAILED") {
      const past = last?.error ? " failed, but a login shows that every version is applied" : "";
      return ok(about === undefined ? "no import recorded" : `${about}${past}`);
    }
    const name = lastPart(execution.name ?? "");
    return finding(
      `execution ${name} of the job ${MIGRATION_JOB} at ${minute(execution.createTime ?? "")} failed`,
      facts.gcloud("logging", "read", `labels."run.googleapis.com/execution_name"="${name}"`, "--limit=50"),
    );
  },
};

/** Whether a login shows that the database is what the migrations make. */
async function everythingApplied(facts: Facts): Promise<boolean> {
  const login = await facts.loggedIn().catch(orNothing);
  if (!login?.ok || typeof login.contents === "string" || halfMigrated(facts, login.contents) !== undefined)
    return false;
  const { versions } = login.contents;
  if (!versions || (await difference(facts, versions))) return false;
  return (await facts.schemaDrift().catch(orNone))?.length === 0;
}

/** Turns the errors of a fact that cannot be told into undefined. */
function orNone(error: unknown): undefined {
  if (!(error instanceof UserError)) orNothing(error);
}

export const tables: Check = {
  id: "tables",
  title: "Tables",
  causes: ["apis", "instance", "database", "bucket", "migration"],
  look: async (facts) => {
    const result = await facts.loggedIn().catch(orNothing);
    if (result?.ok) {
      if (typeof result.contents === "string") throw new NotVisible(result.contents);
      const problem = halfMigrated(facts, result.contents);
      return problem === undefined ? ok("all exist, checked by a login") : finding(problem, await putBack(facts));
    }
    const failure = await facts.failure();
    if (failure?.code === NO_TABLE)
      return finding("the service misses a table or another relation", await putBack(facts));
    const last = await lastImport(facts);
    if (!last) return finding(`no import into ${facts.target.database} is recorded`, await putBack(facts));
    return ok(`created by ${last.importContext?.uri ?? "an import"}`);
  },
};

export const schemaVersion: Check = {
  id: "schema-version",
  title: "Schema version",
  causes: ["apis", "instance", "database", "bucket", "migration", "tables"],
  look: async (facts) => {
    const newest = facts.migrations.at(-1)?.version ?? "none";
    const result = await facts.loggedIn().catch(orNothing);
    if (result?.ok) {
      if (typeof result.contents === "string") throw new NotVisible(result.contents);
      const { versions } = result.contents;
      if (!versions?.size) throw new NotVisible("no version is recorded");
      return (await difference(facts, versions)) ?? ok(`${newest}, checked by a login`);
    }
    const last = await lastImport(facts);
    const uri = last?.importContext?.uri;
    if (uri === undefined) throw new NotVisible("no import is recorded");
    const version = importedVersion(last);
    if (version === undefined) throw new NotVisible(`the last import was ${uri}; only a login can show its result`);
    if (version === newest) return ok(`${version}, by the last import`);
    return finding(`${version}, by the last import; expected ${newest}`, await importAgain(facts));
  },
};

/** Most differences that the check lists. */
const MOST_DIFFERENCES = 3;

export const schemaDrift: Check = {
  id: "schema-drift",
  title: "Schema drift",
  causes: ["apis", "instance", "database", "bucket", "migration", "tables", "schema-version", "privileges"],
  look: async (facts) => {
    const differences = await facts.schemaDrift().catch((error: unknown) => {
      throw error instanceof UserError ? new NotVisible(error.message) : error;
    });
    if (!differences) throw new NotVisible("no version is recorded");
    if (differences.length === 0) return ok("none, checked by a login");
    const more = differences.length - MOST_DIFFERENCES;
    const { socket = "DIR", stack } = facts.target;
    const list = differences.slice(0, MOST_DIFFERENCES).join("; ") + (more > 0 ? `; and ${more} more` : "");
    const fix =
      stack === undefined
        ? await psql(facts, undefined, String.raw`\d`)
        : command("npm", "run", "migration", "--", "drift", `--stack=${stack}`, `--socket=${socket}`);
    return finding(list, fix);
  },
};

/** Missing tables or versions; undefined if nothing is missing. */
function halfMigrated({ migrations, target }: Facts, { missing, versions }: Contents): string | undefined {
  const recorded = migrations.filter(({ version }) => versions?.has(version));
  const expected = tablesOf(recorded.length > 0 ? recorded : migrations);
  const lacking = expected.filter((table) => missing.includes(table));
  if (lacking.length > 0) {
    const how = versions ? `, though ${recorded.length} of ${migrations.length} versions are recorded` : "";
    return `${target.database} lacks ${lacking.join(" and ")}${how}`;
  }
  if (!versions) return "the tables exist but no version is recorded: they were created manually";
  const last = recorded.at(-1)?.version ?? "";
  const skipped = migrations.find(({ version }) => version < last && !versions.has(version));
  return skipped && `version ${skipped.version} is not recorded, though the later ${last} is`;
}

/** How the recorded versions differ from the migrations. */
async function difference(facts: Facts, record: NonNullable<Contents["versions"]>): Promise<Judgement | undefined> {
  const { migrations } = facts;
  const pending = migrations.filter(({ version }) => !record.has(version));
  const edited = migrations.find(
    ({ version, checksum }) => ![undefined, null, checksum].includes(record.get(version)?.checksum),
  );
  const unknown = [...record.keys()].find((version) => !migrations.some((migration) => migration.version === version));
  if (unknown !== undefined) {
    return finding(
      `version ${unknown} is applied but missing in this checkout, which is older than the database`,
      "git pull",
    );
  }
  if (pending.length > 0) {
    const imported = (await imports(facts).catch(orNothing))?.imports.map(importedVersion) ?? [];
    const last = imported.reduce((newest = "", version = "") => (version > newest ? version : newest), "") ?? "";
    // Once imported, a version can only have been removed in the database, which an update does not see.
    const removed = pending.every(({ version }) => version <= last);
    const found = `pending: ${pending.map(({ version }) => version).join(", ")}`;
    return finding(found, removed ? await putBack(facts) : await importAgain(facts));
  }
  if (!edited) return undefined;
  return finding(
    `version ${edited.version} was edited after it was applied: put the change into a new version`,
    command("git", "restore", `migrations/${edited.file}`),
  );
}

/** The newest version that an import brought. */
function importedVersion(last: Operation | undefined): string | undefined {
  return /\/imports\/(\d{14})-/.exec(last?.importContext?.uri ?? "")?.[1];
}

/**
 * Puts back what is missing in the database: an update sees only the stack's state, and an import skips what is recorded. Without
 * a stack, a backup may have it.
 */
async function putBack(facts: Facts): Promise<string> {
  const { stack } = facts.target;
  if (stack === undefined)
    return facts.gcloud("sql", "backups", "list", `--instance=${(await facts.existingInstance()).name}`);
  return recreate(stack);
}

/** The successful imports into the database that were not undone since, newest first, and whether Cloud SQL lists all. */
async function imports(facts: Facts): Promise<{ imports: readonly Operation[]; complete: boolean }> {
  const operations = await facts.operations();
  const reset = operations.findIndex(({ operationType }) => /^(DELETE_DATABASE|RESTORE_VOLUME)$/.test(operationType));
  const since = reset < 0 ? operations : operations.slice(0, reset);
  const { database } = facts.target;
  return {
    imports: since.filter(
      ({ error, importContext, operationType }) =>
        operationType === "IMPORT" && importContext?.database === database && !error,
    ),
    complete: reset >= 0 || operations.some(({ operationType }) => operationType === "CREATE"),
  };
}

/** The last of {@link imports}. @throws NotVisible if Cloud SQL may no longer list it. */
async function lastImport(facts: Facts): Promise<Operation | undefined> {
  const { complete, imports: all } = await imports(facts);
  if (all.length === 0 && !complete)
    throw new NotVisible("the import is no longer listed; only a login can show its result");
  return all[0];
}

/** Scripts can be imported repeatedly: they skip what has been applied. */
async function importAgain(facts: Facts): Promise<string> {
  const { database: name, stack, user: login } = facts.target;
  if (stack !== undefined) return facts.deploy("");
  const { name: instance } = await facts.existingInstance();
  const script = (await facts.operations().catch(orNothing))
    ?.map(({ importContext }) => importContext?.uri ?? "")
    .find((uri) => uri.includes(`/imports/${facts.migrations.at(-1)?.version ?? "none"}-`));
  if (script === undefined) return facts.gcloud("sql", "operations", "list", `--instance=${instance}`);
  return facts.gcloud("sql", "import", "sql", instance, script, `--database=${name}`, `--user=${login}`);
}

export const connections: Check = {
  id: "connections",
  title: "Connections",
  causes: ["apis", "instance", "connection-budget"],
  look: async (facts) => {
    const instance = await facts.runningInstance();
    const result = await facts.loggedIn().catch(orNothing);
    // Not the service's, which the connection budget bounds.
    const fix = facts.gcloud("sql", "instances", "restart", instance.name);
    if (result && !result.ok && result.code === "53300") {
      const limited = result.message.includes("for role");
      return finding(`none left: ${result.message}`, limited ? await withoutLimit(facts) : fix);
    }
    const seen = result?.ok && typeof result.contents !== "string" ? result.contents : undefined;
    const used = seen?.connections ?? (await facts.metric("postgresql/num_backends"));
    const most = seen?.maxConnections ?? connectionLimit(instance);
    if (used === undefined) throw new NotVisible("no metric in the last hour, and no login");
    const share = `${used} of ${most}`;
    if (used / most < 0.9) return ok(share);
    return finding(`${share}; a restart ends all, and refuses clients for about a minute`, fix);
  },
};

/** Rotation moves the service to the other login. */
async function withoutLimit(facts: Facts): Promise<string> {
  const { stack } = facts.target;
  if (stack !== undefined) return command("npm", "run", "rotate", "--", `--stack=${stack}`);
  return psql(facts, ADMINISTRATOR, `ALTER ROLE ${await facts.loginName()} CONNECTION LIMIT -1;`);
}

/** How long a failed operation is reported, in milliseconds. */
const RECENT = 7 * DAY;

export const operation: Check = {
  id: "operation",
  title: "Last operation",
  causes: ["apis", "disk", "instance"],
  look: async (facts) => {
    const others = (await facts.operations()).filter(({ operationType }) => operationType !== "IMPORT");
    // Ignore a failure after a later success of the same type.
    const newest = new Map(others.toReversed().map((each) => [each.operationType, each]));
    const failed = [...newest.values()].find(
      ({ error, insertTime }) => error && facts.now.getTime() - Date.parse(insertTime) < RECENT,
    );
    if (!failed) return ok("no recent failure");
    return finding(
      `${failed.operationType} at ${minute(failed.insertTime)} failed: ${reason(failed)}`,
      facts.gcloud("sql", "operations", "describe", failed.name),
    );
  },
};

/** Backups are daily; an older one is overdue, in hours. */
const OVERDUE = 26;

export const backup: Check = {
  id: "backup",
  title: "Last backup",
  causes: ["apis", "disk", "instance"],
  look: async (facts) => {
    const { name, settings } = await facts.existingInstance();
    if (!settings.backupConfiguration?.enabled) {
      const enable = facts.gcloud("sql", "instances", "patch", name, "--backup-start-time=03:00");
      return finding("automatic backups are off", enable);
    }
    const ends = (await facts.backups())
      .filter(({ status }) => status === "SUCCESSFUL")
      .map(({ endTime = "" }) => endTime);
    const fix = facts.gcloud("sql", "backups", "create", `--instance=${name}`);
    const newest = ends.sort().at(-1);
    if (newest === undefined) return finding("no backup exists", fix);
    const hours = Math.floor((facts.now.getTime() - Date.parse(newest)) / 3_600_000);
    return hours >= OVERDUE ? finding(`${hours} hours old`, fix) : ok(`${hours} hours old`);
  },
};

/** The first line of an operation's error. */
function reason({ error }: Operation): string {
  const [first] = error?.errors ?? [];
  return (first?.message ?? first?.code ?? "no reason given").split("\n")[0] ?? "";
}

function minute(time: string): string {
  return `${time.slice(0, 16).replace("T", " ")} UTC`;
}
