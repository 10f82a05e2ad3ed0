import type { ConnectionString } from "../../../infra/connection.ts";
import { READ_SECRET } from "../../../policies/model/grants.ts";
import { type Check, finding, ok } from "../check.ts";
import { DAY, type Facts, logins, numberOf, orHidden, orNothing, type Version, WRONG_PASSWORD } from "../facts.ts";
import { command } from "../../terminal/command.ts";
import { NotVisible } from "../../google/reader.ts";

export const secret: Check = {
  id: "secret",
  title: "Connection secret",
  causes: ["apis", "destruction"],
  look: async (facts) => {
    const { secret: id } = await pinOrDefault(facts);
    const versions = await facts.versions(id);
    if (!versions) return finding(`${id} does not exist`, facts.deploy(await writeString(facts, id, undefined)));
    const used = await versionInUse(facts, versions);
    const newest = await usableVersion(facts, versions);
    if (used?.state === "ENABLED") return ok(`${id}, version ${numberOf(used)} is enabled`);
    const { version } = await pinOrDefault(facts);
    if (used?.state === "DISABLED") {
      return finding(
        `${id}: version ${numberOf(used)}, which the service reads, is disabled`,
        facts.gcloud("secrets", "versions", "enable", String(numberOf(used)), `--secret=${id}`),
      );
    }
    const lost = used ? `version ${numberOf(used)} is destroyed` : `version ${version} does not exist`;
    const instead = newest ? useVersion(facts, id, numberOf(newest)) : await writeString(facts, id, versions);
    return finding(`${id}: ${lost}`, facts.deploy(instead));
  },
};

export const connectionString: Check = {
  id: "connection-string",
  title: "Connection string",
  causes: ["apis", "secret"],
  look: async (facts) => {
    const { secret: id } = await pinOrDefault(facts);
    const fix = async () => {
      const versions = (await facts.versions(id)) ?? [];
      const usable = await usableVersion(facts, versions);
      return facts.deploy(usable ? useVersion(facts, id, numberOf(usable)) : await writeString(facts, id, versions));
    };
    const parsed = await facts.connectionString();
    if (!parsed.ok) return finding(discreet(parsed.problem), await fix());
    const { driver, user, database, instance } = parsed.value;
    const wrong = await differences(facts, parsed.value);
    if (wrong.length > 0) return finding(wrong.join("; "), await fix());
    return ok(`${driver}, ${user}, ${database}, ${instance.project}:${instance.region}:${instance.instance}`);
  },
};

/** How a connection string differs from the service's, without its password. */
async function differences(facts: Facts, { database, driver, instance, user }: ConnectionString): Promise<string[]> {
  const target = facts.target;
  // A name from the secret is shown only if it is known from elsewhere: it may be a misplaced password.
  const known = (name: string, names: readonly string[] | undefined) => (names?.includes(name) ? `${name}, ` : "");
  const wrong: string[] = [];
  if (driver !== "postgresql+asyncpg") wrong.push(`the driver is ${driver}, not postgresql+asyncpg`);
  if (!logins(target.user).includes(user)) {
    wrong.push(`the user is ${known(user, await facts.users().catch(orNothing))}not ${target.user}`);
  }
  if (database !== target.database) {
    const databases = await facts.databases().catch(orNothing);
    wrong.push(`the database is ${known(database, databases)}not ${target.database}`);
  }
  const name = `${instance.project}:${instance.region}:${instance.instance}`;
  const expected = await facts.instance().catch(orNothing);
  if (expected && name !== expected.connectionName) wrong.push(`it points to ${name}, not ${expected.connectionName}`);
  return wrong;
}

export const pinnedVersion: Check = {
  id: "pinned-version",
  title: "Version in use",
  causes: ["apis", "secret"],
  look: async (facts) => {
    const { secret: id, version } = await pinOrDefault(facts);
    const versions = (await facts.versions(id)) ?? [];
    const newest = versions.find(({ state }) => state === "ENABLED");
    if (version === "latest" || !newest) return ok(`${id}, ${version}`);
    const number = numberOf(newest);
    if (String(number) === version) return ok(`${id}, version ${version}, the newest`);
    const found = `the service reads version ${version} of ${id}; the newest is ${number}, created ${newest.createTime.slice(0, 16)}Z`;
    if ((await usability(facts, newest)) === "unusable") {
      const disable = facts.gcloud("secrets", "versions", "disable", String(number), `--secret=${id}`);
      return finding(`version ${number} of ${id}, newer than the one in use, cannot be used by the service`, disable);
    }
    const exists = versions.some((each) => each.state === "ENABLED" && String(numberOf(each)) === version);
    const works = exists && (await pinnedWorks(facts));
    if (works === true) return ok(`${id}, version ${version} works; the newer ${number} is not used`);
    if (works === undefined) {
      throw new NotVisible(`${found}; whether the one in use works was not seen`, CLIENT_ROLE);
    }
    const { stack } = facts.target;
    // A stack does not know a version that was added manually, and would go back to its own.
    const rotate = stack === undefined ? undefined : command("npm", "run", "rotate", "--", `--stack=${stack}`);
    return finding(found, rotate ?? useVersion(facts, id, number));
  },
};

const CLIENT_ROLE = "roles/cloudsql.client on the project";

/** Whether the version in use works, as a login or the service's answer shows; undefined if neither was seen. */
async function pinnedWorks(facts: Facts): Promise<boolean | undefined> {
  const login = await facts.loggedIn().catch(orHidden);
  if (!(login instanceof NotVisible)) return login.ok;
  const failure = await facts.called().catch(orHidden);
  return failure instanceof NotVisible ? undefined : failure?.code !== WRONG_PASSWORD;
}

/** The newest enabled version that the service can use, as far as the caller may read it. */
export async function usableVersion(facts: Facts, versions: readonly Version[]): Promise<Version | undefined> {
  for (const version of versions.filter(({ state }) => state === "ENABLED")) {
    if ((await usability(facts, version)) !== "unusable") return version;
  }
  return undefined;
}

/** Whether a version has what the service needs, apart from the password; `hidden` if the caller may not read it. */
async function usability(facts: Facts, version: Version): Promise<"usable" | "unusable" | "hidden"> {
  const parsed = await facts.connectionString(numberOf(version)).catch(orHidden);
  if (parsed instanceof NotVisible) return "hidden";
  return parsed.ok && (await differences(facts, parsed.value)).length === 0 ? "usable" : "unusable";
}

export const passwordSecret: Check = {
  id: "password-secret",
  title: "Password secret",
  causes: ["apis", "destruction"],
  look: async (facts) => {
    const { passwordSecret: id } = facts.target;
    const versions = await facts.versions(id);
    const newest = versions?.[0];
    const create = facts.gcloud("secrets", "create", id, "--replication-policy=automatic", "--data-file=-");
    if (!versions) return finding(`${id} does not exist`, facts.deploy(`${await passwordInUse(facts)} | ${create}`));
    const add = async () =>
      `${await passwordInUse(facts)} | ${facts.gcloud("secrets", "versions", "add", id, "--data-file=-")}`;
    if (newest?.state !== "ENABLED") {
      const enabled = versions.find(({ state }) => state === "DISABLED");
      return finding(
        `the newest version of ${id} is not enabled`,
        enabled
          ? facts.gcloud("secrets", "versions", "enable", String(numberOf(enabled)), `--secret=${id}`)
          : await add(),
      );
    }
    const [password, string] = await Promise.all([
      facts.password().catch(orNothing),
      facts.connectionString().catch(orNothing),
    ]);
    const about = `${id}, version ${numberOf(newest)} is enabled`;
    if (password === undefined || !string?.ok) return ok(about);
    if (password === string.value.password) return ok(`${about} and matches the connection string`);
    const login = await facts.loggedIn().catch(orNothing);
    if (login && !login.ok && login.alternative) return ok(`${about}, with the password that PostgreSQL accepts`);
    const differs = `${id} does not match the password in the connection string`;
    const which = login?.ok ? ", which PostgreSQL accepts" : "; it is not known which one PostgreSQL accepts";
    return finding(differs + which, await add());
  },
};

/** A command that prints the password in the connection string. */
async function passwordInUse(facts: Facts): Promise<string> {
  const { secret: id, version } = await pinOrDefault(facts);
  const access = facts.gcloud("secrets", "versions", "access", version, `--secret=${id}`);
  return `${access} | ${command("sed", String.raw`s#^[^:]*://[^:]*:\([^@]*\)@.*#\1#`)}`;
}

/** Days after which a password is due for rotation, like the key of the state: see `docs/DEPLOYMENT.md`. */
const ROTATION = 90;

export const rotation: Check = {
  id: "rotation",
  title: "Password age",
  causes: ["apis", "password-secret"],
  look: async (facts) => {
    const { passwordSecret: id, secret: source, stack, user } = facts.target;
    const users = stack === undefined ? undefined : await facts.users().catch(orNothing);
    const absent = users && logins(user).find((login) => !users.includes(login));
    if (absent !== undefined && absent !== (await facts.loginName())) {
      const found = `the login ${absent}, to which the next rotation moves the service, does not exist`;
      return finding(found, facts.deploy(""));
    }
    const [newest] = (await facts.versions(id)) ?? [];
    if (!newest) throw new NotVisible(`${id} has no version`);
    const days = Math.floor((facts.now.getTime() - Date.parse(newest.createTime)) / DAY);
    if (days < ROTATION) return ok(`${days} days old`);
    const found = `${days} days old; rotation is due after ${ROTATION}`;
    if (stack !== undefined) return finding(found, command("npm", "run", "rotate", "--", `--stack=${stack}`));
    const steps = [
      newPassword(facts),
      await givePassword(facts, "set-password", await facts.loginName()),
      await writeString(facts, source, await facts.versions(source)),
    ];
    return finding(found, steps.join(" && "));
  },
};

/** A parser's message about a connection string, without the parts that may be a misplaced password. */
export function discreet(problem: string): string {
  return problem
    .replace(/the driver "(?!sqlite|mysql|mariadb|mssql|oracle)[^"]*"/, "another driver")
    .replace(/connection name "[^":]*"/, "the connection name");
}

/**
 * A command that writes the connection string with the password from the password secret; writes nothing if that cannot be
 * read. The password stays in the shell.
 */
export async function writeString(facts: Facts, id: string, versions: readonly Version[] | undefined): Promise<string> {
  const { database, passwordSecret: source, project, region } = facts.target;
  const user = (await loginInUse(facts, versions ?? [])) ?? facts.target.user;
  const instance = await facts.instance().catch(orNothing);
  const name = instance?.connectionName ?? `${project}:${region}:INSTANCE`;
  const form = `postgresql+asyncpg://${user}:%s@/${database}?host=/cloudsql/${name}`;
  const password = facts.gcloud("secrets", "versions", "access", "latest", `--secret=${source}`);
  const add = versions
    ? facts.gcloud("secrets", "versions", "add", id, "--data-file=-")
    : facts.gcloud("secrets", "create", id, "--replication-policy=automatic", "--data-file=-");
  const member = `serviceAccount:${await facts.email()}`;
  const steps = versions ? [add] : [add, facts.bind(["secrets", id], member, READ_SECRET[0])];
  const next = versions ? Math.max(0, ...versions.map(numberOf)) + 1 : 1;
  return `password=$(${password}) && ${command("printf", form)} "$password" | ${[...steps, useVersion(facts, id, next)].join(" && ")}`;
}

/** Generates a password and writes it into the password secret. */
function newPassword(facts: Facts): string {
  const add = facts.gcloud("secrets", "versions", "add", facts.target.passwordSecret, "--data-file=-");
  return `openssl rand -hex 24 | tr -d '\\n' | ${add}`;
}

/**
 * Creates a login with the password in the password secret, or gives it that password, which stays in the pipe: as an option it
 * would be among the arguments of a process. https://cloud.google.com/sdk/gcloud/reference/topic/flags-file
 * @param login Its name.
 */
export async function givePassword(facts: Facts, verb: "create" | "set-password", login: string): Promise<string> {
  const { name } = await facts.existingInstance();
  const access = facts.gcloud("secrets", "versions", "access", "latest", `--secret=${facts.target.passwordSecret}`);
  const give = facts.gcloud("sql", "users", verb, login, `--instance=${name}`, "--flags-file=-");
  // Without its end, the text is no YAML: nothing is changed if the password cannot be read.
  return `(printf %s '--password: "' && ${access} && printf %s '"') | ${give}`;
}

/** The login whose turn it is: of the string in use, else of the newest version that shows one, else by trying the password. */
async function loginInUse(facts: Facts, versions: readonly Version[]): Promise<string | undefined> {
  const enabled = versions.filter(({ state }) => state === "ENABLED").map(numberOf);
  for (const version of [undefined, ...enabled]) {
    const string = await facts.connectionString(version).catch(orNothing);
    const user = string?.ok ? logins(facts.target.user).find((login) => login === string.value.user) : undefined;
    if (user !== undefined) return user;
  }
  return facts.loginOfPassword();
}

function useVersion(facts: Facts, id: string, version: number): string {
  return facts.updateService(`--update-secrets=DATABASE_URL=${id}:${version}`);
}

async function pinOrDefault(facts: Facts): Promise<{ secret: string; version: string }> {
  return (await facts.pin().catch(orNothing)) ?? { secret: facts.target.secret, version: "latest" };
}

async function versionInUse(facts: Facts, versions: readonly Version[]): Promise<Version | undefined> {
  const { version } = await pinOrDefault(facts);
  return version === "latest" ? versions[0] : versions.find((each) => String(numberOf(each)) === version);
}
