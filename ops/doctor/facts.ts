import { type ConnectionString, parseConnectionString, type Parsed } from "../../infra/connection.ts";
import { lastPart, type Sent } from "../../infra/google.ts";
import type { Migration } from "../../infra/migrations/files.ts";
import { DATABASE_URL, MIGRATION_JOB, PROJECT, serviceAccountEmail } from "../../infra/names.ts";
import { command } from "../terminal/command.ts";
import { logIn, type Login } from "./login.ts";
import { enabledApis } from "../google/apis.ts";
import type { Policy } from "../google/policy.ts";
import { type Reader, NotVisible } from "../google/reader.ts";
import type { Target } from "../engine/target.ts";

type Sql = "name" | "region" | "state" | "connectionName" | "serviceAccountEmailAddress";
/** A Cloud SQL instance. */
export type Instance = Sent<gapi.client.sql.DatabaseInstance, Sql> & {
  readonly settings: Sent<gapi.client.sql.Settings, "tier">;
};

export type Operation = Sent<gapi.client.sql.Operation, "name" | "operationType" | "status" | "insertTime">;

export type Service = Sent<gapi.client.run.GoogleCloudRunV2Service, "template">;

export type EnvVar = Sent<gapi.client.run.GoogleCloudRunV2EnvVar, "name">;

/** A version of a secret; its name is `projects/NUMBER/secrets/ID/versions/N`. */
export type Version = Sent<gapi.client.secretmanager.SecretVersion, "name" | "state" | "createTime">;

export type UptimeCheck = Sent<gapi.client.monitoring.UptimeCheckConfig, "name" | "displayName">;

export type AlertPolicy = Sent<gapi.client.monitoring.AlertPolicy, "name" | "displayName">;

/** Which version of the connection string the service reads. */
export interface Pin {
  /** Id of the secret. */
  readonly secret: string;
  /** A number or `latest`. */
  readonly version: string;
}

/** In milliseconds. */
export const DAY = 24 * 3_600_000;

const VIEWER = "roles/viewer on the project";
const REVIEWER = "roles/iam.securityReviewer on the project";

/** What is there: each fact is asked for when a check needs it, and once. */
export class Facts {
  private login: Promise<Login> | undefined;

  /** Those the database should have, in order. */
  readonly migrations: readonly Migration[];

  readonly target: Target;
  private readonly reader: Reader;
  readonly now: Date;
  private readonly ofState: ((login: string) => Promise<string>) | undefined;

  /**
   * @param migrations Those of the repository, in order.
   * @param now What ages are counted from.
   * @param ofState The password that the stack gave to a login, by the login's name; throws NotVisible. Without it there is no
   * state to compare with.
   */
  constructor(
    target: Target,
    reader: Reader,
    migrations: readonly Migration[],
    now: Date,
    ofState?: (login: string) => Promise<string>,
  ) {
    this.target = target;
    this.reader = reader;
    this.now = now;
    this.ofState = ofState;
    const { schemaVersion } = target;
    this.migrations = migrations.filter(({ version }) => schemaVersion === undefined || version <= schemaVersion);
  }

  /** A gcloud command about the project, to paste. */
  gcloud(...words: string[]): string {
    return command("gcloud", ...words, `--project=${this.target.project}`);
  }

  /** What makes the stack's resources again as they are declared; for other stacks than ours a command instead of it. */
  deploy(otherwise: string): string {
    const { stack } = this.target;
    if (stack === undefined) return otherwise;
    if (stack === "local") return "npm start -- --reset";
    const option = `--stack=${stack}`;
    return command("npm", "run", "up", "--", option, "--refresh");
  }

  /** Hosts of the enabled APIs. */
  async enabledApis(): Promise<string[]> {
    return enabledApis(this.target.project, (path) => this.reader.read({ api: "serviceUsage", path, role: VIEWER }));
  }

  projectPolicy(): Promise<Policy | undefined> {
    return this.reader.read({
      api: "resourceManager",
      path: `projects/${this.target.project}:getIamPolicy`,
      role: REVIEWER,
      body: { options: { requestedPolicyVersion: 3 } },
    });
  }

  secretPolicy(secret: string): Promise<Policy | undefined> {
    const path = `projects/${this.target.project}/secrets/${secret}:getIamPolicy?options.requestedPolicyVersion=3`;
    return this.reader.read({ api: "secretManager", path, role: REVIEWER });
  }

  bucketPolicy(): Promise<Policy | undefined> {
    const path = `b/${encodeURIComponent(this.target.bucket)}/iam?optionsRequestedPolicyVersion=3`;
    return this.reader.read({ api: "storage", path, role: REVIEWER });
  }

  /** The service account's own entry. */
  async account(): Promise<gapi.client.iam.ServiceAccount | undefined> {
    const path = `projects/${this.target.project}/serviceAccounts/${await this.email()}`;
    return this.reader.read({ api: "iamBeta", path, role: VIEWER });
  }

  service(): Promise<Service | undefined> {
    const { project, region, service } = this.target;
    const path = `projects/${project}/locations/${region}/services/${service}`;
    return this.reader.read({ api: "cloudRunV2", path, role: VIEWER });
  }

  /** The job that runs migrations when somebody executes it; most stacks have none. */
  migrationJob(): Promise<gapi.client.run.GoogleCloudRunV2Job | undefined> {
    const { project, region } = this.target;
    const path = `projects/${project}/locations/${region}/jobs/${MIGRATION_JOB}`;
    return this.reader.read({ api: "cloudRunV2", path, role: VIEWER });
  }

  /** @throws NotVisible where there is no service. */
  async existingService(): Promise<Service> {
    const service = await this.service();
    if (!service) throw new NotVisible("there is no service");
    return service;
  }

  /** Email of the account the service runs as; of the one it should run as where it is not to be seen. */
  async email(): Promise<string> {
    const service = await this.service().catch(orNothing);
    return service?.template.serviceAccount ?? serviceAccountEmail(this.target.project);
  }

  /** Where the service's `DATABASE_URL` comes from; undefined where not from a secret. */
  async pin(): Promise<Pin | undefined> {
    const service = await this.existingService();
    const variable = environment(service).find(({ name }) => name === DATABASE_URL);
    const { secret, version = "latest" } = variable?.valueSource?.secretKeyRef ?? {};
    return secret === undefined ? undefined : { secret: lastPart(secret), version };
  }

  /** The service's instance: the one that was named, else `PROJECT-db-…`, else the one the service mounts. */
  async instance(): Promise<Instance | undefined> {
    const { instance: given, project } = this.target;
    const instances = (await this.sql<{ items?: Instance[] }>("instances"))?.items ?? [];
    if (given !== undefined) return instances.find(({ name }) => name === given);
    const service = await this.service().catch(orNothing);
    const mounted = instances.filter(({ connectionName }) => service && mounts(service).includes(connectionName));
    const ours = instances.filter(({ name }) => name.startsWith(`${project}-db-`));
    // Of several, one may be left from before a replacement.
    const both = ours.filter((instance) => mounted.includes(instance));
    const newest = ours.toSorted((a, b) => (b.createTime ?? "").localeCompare(a.createTime ?? ""));
    return both[0] ?? newest[0] ?? mounted[0];
  }

  /** @throws NotVisible where there is none, or it does not run. */
  async runningInstance(): Promise<Instance> {
    const instance = await this.existingInstance();
    if (!runs(instance)) throw new NotVisible("the instance does not run");
    return instance;
  }

  /** @throws NotVisible where there is none. */
  async existingInstance(): Promise<Instance> {
    const instance = await this.instance();
    if (!instance) throw new NotVisible("there is no instance");
    return instance;
  }

  /** Names of the databases. */
  async databases(): Promise<string[]> {
    return names(await this.ofInstance("databases"));
  }

  /** Names of the logins. */
  async users(): Promise<string[]> {
    return names(await this.ofInstance("users"));
  }

  /** Newest first. */
  async backups(): Promise<gapi.client.sql.BackupRun[]> {
    const { name } = await this.existingInstance();
    return (await this.sql<gapi.client.sql.BackupRunsListResponse>(`instances/${name}/backupRuns`))?.items ?? [];
  }

  /** Those that have ended, newest first. */
  async operations(): Promise<Operation[]> {
    const { name } = await this.existingInstance();
    const list = await this.sql<{ items?: Operation[] }>(`operations?instance=${name}&maxResults=500`);
    const ended = (list?.items ?? []).filter(({ status }) => status === "DONE");
    return ended.sort((a, b) => b.insertTime.localeCompare(a.insertTime));
  }

  /** A secret's versions, newest first; undefined where there is no such secret. */
  async versions(secret: string): Promise<Version[] | undefined> {
    const path = `projects/${this.target.project}/secrets/${secret}/versions`;
    const list = await this.reader.read<{ versions?: Version[] }>({ api: "secretManager", path, role: VIEWER });
    return list && (list.versions ?? []).sort((a, b) => numberOf(b) - numberOf(a));
  }

  /** What the service reads as its connection string. @throws NotVisible without a version, or without access to it. */
  async connectionString(): Promise<Parsed<ConnectionString>> {
    const pin = await this.pin().catch(orNothing);
    const secret = pin?.secret ?? this.target.secret;
    return parseConnectionString(await this.contents(secret, pin?.version ?? "latest"));
  }

  /** What is kept for people. @throws NotVisible */
  password(): Promise<string> {
    return this.contents(this.target.passwordSecret, "latest");
  }

  private async contents(secret: string, version: string): Promise<string> {
    const versions = await this.versions(secret);
    const used = version === "latest" ? versions?.[0] : versions?.find((each) => String(numberOf(each)) === version);
    if (used?.state !== "ENABLED") throw new NotVisible("there is no enabled version to read");
    const path = `projects/${this.target.project}/secrets/${secret}/versions/${numberOf(used)}:access`;
    const role = `roles/secretmanager.secretAccessor on ${secret}`;
    const answer = await this.reader.read<gapi.client.secretmanager.AccessSecretVersionResponse>({
      ...{ api: "secretManager", path, role },
    });
    if (!answer) throw new NotVisible("there is no enabled version to read");
    return Buffer.from(answer.payload?.data ?? "", "base64").toString("utf8");
  }

  /** The password that the stack gave to a login. @throws NotVisible without a stack, or access to its state. */
  generatedPassword(login: string): Promise<string> {
    if (!this.ofState) throw new NotVisible("there is no state to compare with");
    return this.ofState(login);
  }

  /** A login through the socket. @throws NotVisible where none is possible. */
  loggedIn(): Promise<Login> {
    return (this.login ??= this.tryToLogIn());
  }

  private async tryToLogIn(): Promise<Login> {
    const { database, passwordSecret, secret, socket, user } = this.target;
    const { connectionName } = await this.runningInstance();
    if (socket === undefined) {
      throw new NotVisible(
        "no login was tried; with `cloud-sql-proxy --unix-socket DIR " + `${connectionName}\`, add --socket DIR`,
        "roles/cloudsql.client on the project",
      );
    }
    const string = await this.connectionString().catch(orNothing);
    const fromString = string?.ok ? string.value : undefined;
    const name = fromString && logins(user).includes(fromString.user) ? fromString.user : user;
    const attempt = (password: string) =>
      logIn({ socket, connectionName, database, user: name, password }, this.migrations);
    if (!fromString) return { ...(await attempt(await this.password())), source: passwordSecret };
    const first = { ...(await attempt(fromString.password)), source: secret };
    if (first.ok || first.code !== "28P01") return first;
    // The other secret may hold the right one: then it need not be made anew.
    const other = await this.password().catch(orNothing);
    const second = other === undefined || other === fromString.password ? undefined : await attempt(other);
    return { ...first, alternative: second?.ok === true };
  }

  /**
   * The newest value of a metric, in total over its time series; undefined where there is none of the last hour.
   * https://cloud.google.com/monitoring/api/metrics_gcp#gcp-cloudsql
   * @param metric Below `cloudsql.googleapis.com/database/`.
   */
  async metric(metric: string): Promise<number | undefined> {
    const { project } = this.target;
    const { name } = await this.existingInstance();
    const query = new URLSearchParams({
      filter: `metric.type="cloudsql.googleapis.com/database/${metric}" AND resource.labels.database_id="${project}:${name}"`,
      "interval.startTime": new Date(this.now.getTime() - 3_600_000).toISOString(),
      "interval.endTime": this.now.toISOString(),
    });
    const answer = await this.reader.read<gapi.client.monitoring.ListTimeSeriesResponse>({
      ...{ api: "monitoring", path: `v3/projects/${project}/timeSeries?${query.toString()}`, role: VIEWER },
    });
    const newest = (answer?.timeSeries ?? []).flatMap(({ points }) => points?.slice(0, 1) ?? []);
    if (newest.length === 0) return undefined;
    return newest.reduce((sum, { value }) => sum + (value?.doubleValue ?? Number(value?.int64Value ?? 0)), 0);
  }

  /** The alert policies of this project's stacks. */
  alertPolicies(): Promise<AlertPolicy[]> {
    return this.monitored("alertPolicies");
  }

  /** Their uptime checks. */
  uptimeChecks(): Promise<UptimeCheck[]> {
    return this.monitored("uptimeCheckConfigs");
  }

  private async monitored<T extends UptimeCheck | AlertPolicy>(collection: string): Promise<T[]> {
    const path = `v3/projects/${this.target.project}/${collection}?pageSize=1000`;
    const answer = await this.reader.read<Record<string, T[] | undefined>>({ api: "monitoring", path, role: VIEWER });
    return (answer?.[collection] ?? []).filter(({ userLabels }) => userLabels?.app === PROJECT);
  }

  private async ofInstance(collection: string): Promise<Named | undefined> {
    const { name } = await this.runningInstance();
    return this.sql(`instances/${name}/${collection}`);
  }

  private sql<T>(path: string): Promise<T | undefined> {
    return this.reader.read<T>({ api: "sql", path: `projects/${this.target.project}/${path}`, role: VIEWER });
  }
}

/** Whether an instance takes connections. */
export function runs({ state, settings }: Instance): boolean {
  return state === "RUNNABLE" && settings.activationPolicy !== "NEVER";
}

/** The service's logins: rotation lets two take turns. */
export function logins(user: string): string[] {
  return [user, `${user}_b`];
}

/** The environment of all containers. */
export function environment(service: Service): readonly EnvVar[] {
  return (service.template.containers ?? []).flatMap(({ env = [] }) => env as EnvVar[]);
}

/** Connection names of the sockets that the service asks for. */
export function mounts(service: Service): readonly string[] {
  return (service.template.volumes ?? []).flatMap(({ cloudSqlInstance }) => cloudSqlInstance?.instances ?? []);
}

/** A version's number. */
export function numberOf({ name }: Version): number {
  return Number(lastPart(name));
}

/** Takes what was not seen as nothing; passes on every other error. */
export function orNothing(error: unknown): undefined {
  if (!(error instanceof NotVisible)) throw error;
}

type Named = gapi.client.sql.DatabasesListResponse | gapi.client.sql.UsersListResponse;

function names(list: Named | undefined): string[] {
  return (list?.items ?? []).flatMap(({ name }) => name ?? []);
}
