import { type ConnectionString, parseConnectionString, type Parsed } from "../../infra/connection.ts";
import { lastPart, type Sent } from "../../infra/google.ts";
import type { Migration } from "../../infra/migrations/files.ts";
import { DATABASE_URL, MIGRATION_JOB, PROJECT, serviceAccountEmail } from "../../infra/names.ts";
import { command } from "../terminal/command.ts";
import { appliedFiles, appliedRepeatables, DRIFT_FOLDER, madeBy } from "../migration/drift.ts";
import { type Client, type Failure, type Logged, loggedFailures } from "./answer.ts";
import { differencesByLogin, logIn, type Login, type LoginRequest } from "./login.ts";
import { imageAccess, type ImageAccess } from "./image.ts";
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

/** Named `projects/NUMBER/secrets/ID/versions/N`. */
export type Version = Sent<gapi.client.secretmanager.SecretVersion, "name" | "state" | "createTime">;

export type UptimeCheck = Sent<gapi.client.monitoring.UptimeCheckConfig, "name" | "displayName">;

export type AlertPolicy = Sent<gapi.client.monitoring.AlertPolicy, "name" | "displayName">;

/** What the doctor reads of a part of the load balancer: https://cloud.google.com/compute/docs/reference/rest/v1 */
export interface BalancerPart {
  /** Of a forwarding rule. */
  readonly IPAddress?: string;
  /** Of a managed certificate. */
  readonly managed?: { readonly status?: string; readonly domainStatus?: Readonly<Record<string, string>> };
  /** Of a backend service; a group is a link. */
  readonly backends?: readonly { readonly group?: string }[];
}

/** The version of the connection string that the service reads. */
export interface Pin {
  /** Id of the secret. */
  readonly secret: string;
  /** A number or `latest`. */
  readonly version: string;
}

/** In milliseconds. */
export const DAY = 24 * 3_600_000;

/** PostgreSQL's code for a wrong password. */
export const WRONG_PASSWORD = "28P01";

/** How far back logs are read, in minutes. */
const RECENT_MINUTES = 15;

/** Most log entries that are read: of a busy service, the newest. */
const MOST_ENTRIES = 500;

const VIEWER = "roles/viewer on the project";
const REVIEWER = "roles/iam.securityReviewer on the project";

/** The live environment; each fact is read once, when a check needs it. */
export class Facts {
  private login: Promise<Login> | undefined;
  /** The login that PostgreSQL accepted. */
  private accepted: LoginRequest | undefined;
  /** Those that the stack should have applied, in order. */
  readonly migrations: readonly Migration[];
  readonly target: Target;
  private readonly reader: Reader;
  readonly now: Date;
  private readonly repeatables: readonly Migration[];
  private readonly ofState: ((login: string) => Promise<string>) | undefined;
  private readonly client: Client | undefined;
  private call: Promise<Failure | undefined> | undefined;

  /**
   * @param migrations Those of the repository, in order.
   * @param ofState Reads the password of a login from the stack's state, if there is a stack; throws NotVisible.
   * @param repeatables The repeatable migrations of the repository; none by default.
   * @param client Calls the service; it is not called by default.
   */
  constructor(
    target: Target,
    reader: Reader,
    migrations: readonly Migration[],
    now: Date,
    ofState?: (login: string) => Promise<string>,
    repeatables: readonly Migration[] = [],
    client?: Client,
  ) {
    this.client = client;
    this.repeatables = repeatables;
    this.target = target;
    this.reader = reader;
    this.now = now;
    this.ofState = ofState;
    const { schemaVersion } = target;
    this.migrations = migrations.filter(({ version }) => schemaVersion === undefined || version <= schemaVersion);
  }

  /** A gcloud command for the project. */
  gcloud(...words: string[]): string {
    return command("gcloud", ...words, `--project=${this.target.project}`);
  }

  /**
   * Grants a role, by default without a condition: gcloud asks for one where the policy has others.
   * @param place As gcloud names the resource, its id last.
   */
  bind(place: readonly string[], member: string, role: string, condition = "--condition=None"): string {
    return this.gcloud(
      ...[...place.slice(0, -1), "add-iam-policy-binding", place.at(-1) ?? ""],
      ...[`--member=${member}`, `--role=${role}`, condition],
    );
  }

  /** Changes the service. */
  updateService(...options: string[]): string {
    const { region, service } = this.target;
    return this.gcloud("run", "services", "update", service, `--region=${region}`, ...options);
  }

  /** Restores the stack's resources as declared. @param otherwise Command if the target is not a stack of this project. */
  deploy(otherwise: string): string {
    const { stack } = this.target;
    if (stack === undefined) return otherwise;
    return command("npm", "run", "up", "--", `--stack=${stack}`, "--refresh");
  }

  /**
   * A fix as a shell runs it. On `local`, gcloud has the settings that `npm start -- --keep` wrote, but `gcloud run` cannot reach
   * the embedded cloud: there an update of the stack puts the service back.
   */
  pasted(fix: string): string {
    if (this.target.stack !== "local" || !/\bgcloud\b/.test(fix)) return fix;
    return fix.includes("gcloud run services update") ? this.deploy(fix) : `(. .local/start/env && ${fix})`;
  }

  /** The image of the revision that still serves; undefined if none is ready. */
  async readyImage(): Promise<string | undefined> {
    const { latestReadyRevision } = await this.existingService();
    if (latestReadyRevision === undefined) return undefined;
    const { project, region, service } = this.target;
    const path = `projects/${project}/locations/${region}/services/${service}/revisions/${lastPart(latestReadyRevision)}`;
    const revision = await this.reader.read<gapi.client.run.GoogleCloudRunV2Revision>({
      ...{ api: "cloudRunV2", path, role: VIEWER },
    });
    return revision?.containers?.[0]?.image;
  }

  /** Host names of the enabled APIs. */
  async enabledApis(): Promise<string[]> {
    return enabledApis(this.target.project, (path) => this.reader.read({ api: "serviceUsage", path, role: VIEWER }));
  }

  /** Whether the project exists and is visible. @throws NotVisible */
  async projectExists(): Promise<boolean> {
    const path = `projects/${this.target.project}`;
    return (await this.reader.read({ api: "resourceManager", path, role: VIEWER })) !== undefined;
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

  servicePolicy(): Promise<Policy | undefined> {
    const { project, region, service } = this.target;
    const path = `projects/${project}/locations/${region}/services/${service}:getIamPolicy?options.requestedPolicyVersion=3`;
    return this.reader.read({ api: "cloudRunV2", path, role: REVIEWER });
  }

  /** Of the account that the service runs as. */
  async accountPolicy(): Promise<Policy | undefined> {
    const path = `projects/${this.target.project}/serviceAccounts/${await this.email()}:getIamPolicy?options.requestedPolicyVersion=3`;
    return this.reader.read({ api: "iamBeta", path, role: REVIEWER, body: {} });
  }

  /**
   * Whether a network is peered with the network of Google's services, which has the private addresses of instances.
   * @param network Id of a network of the project.
   */
  async isPeered(network: string): Promise<boolean> {
    const path = `services/servicenetworking.googleapis.com/connections?network=projects/${this.target.project}/global/networks/${network}`;
    const answer = await this.reader.read<{ readonly connections?: readonly object[] }>({
      ...{ api: "serviceNetworking", path, role: VIEWER },
    });
    return (answer?.connections ?? []).length > 0;
  }

  /**
   * A global part of the load balancer; undefined if it does not exist.
   * @param path Collection and name, such as `forwardingRules/settlement`.
   */
  balancerPart(path: string): Promise<BalancerPart | undefined> {
    const full = `projects/${this.target.project}/global/${path}`;
    return this.reader.read({ api: "compute", path: full, role: VIEWER });
  }

  /** Whether Cloud Run's service agent may read the service's image; undefined unless it is in another project. */
  async imageAccess(): Promise<ImageAccess | undefined> {
    const { template } = await this.existingService();
    return imageAccess(this.reader, this.target.project, template.containers?.[0]?.image ?? "", this.now);
  }

  /** The account that the service runs as. */
  async account(): Promise<gapi.client.iam.ServiceAccount | undefined> {
    const path = `projects/${this.target.project}/serviceAccounts/${await this.email()}`;
    return this.reader.read({ api: "iamBeta", path, role: VIEWER });
  }

  service(): Promise<Service | undefined> {
    const { project, region, service } = this.target;
    const path = `projects/${project}/locations/${region}/services/${service}`;
    return this.reader.read({ api: "cloudRunV2", path, role: VIEWER });
  }

  /** What failed when the service was called, once; undefined if it answers. @throws NotVisible if it was not called. */
  called(): Promise<Failure | undefined> {
    return (this.call ??= this.callService());
  }

  private async callService(): Promise<Failure | undefined> {
    const { uri } = await this.existingService();
    if (!this.client || uri === undefined) throw new NotVisible("the service was not called");
    return this.client(uri);
  }

  /** The failures in the service's log. @throws NotVisible */
  async logged(): Promise<Logged & { readonly minutes: number }> {
    const { project, region, service } = this.target;
    const filter = [
      'resource.type="cloud_run_revision"',
      `resource.labels.service_name="${service}"`,
      `resource.labels.location="${region}"`,
      `timestamp>="${this.recently()}"`,
      "(httpRequest.status>=100 OR severity>=ERROR)",
    ].join(" AND ");
    const body: gapi.client.logging.ListLogEntriesRequest = {
      ...{ resourceNames: [`projects/${project}`], filter, orderBy: "timestamp desc", pageSize: MOST_ENTRIES },
    };
    const answer = await this.reader.read<gapi.client.logging.ListLogEntriesResponse>({
      ...{ api: "logging", path: "entries:list", role: VIEWER, body },
    });
    const { uri = "https://service" } = await this.existingService();
    return { ...loggedFailures(answer?.entries ?? [], uri), minutes: RECENT_MINUTES };
  }

  /** Whether PostgreSQL refused a login last because its password had expired, which only its log says. @throws NotVisible */
  async expired(login: string): Promise<boolean> {
    const { project } = this.target;
    const expiry = `User "${login}" has an expired password`;
    const refusal = `password authentication failed for user "${login}"`;
    const filter = [
      `logName="projects/${project}/logs/cloudsql.googleapis.com%2Fpostgres.log"`,
      `resource.labels.database_id="${project}:${(await this.existingInstance()).name}"`,
      `timestamp>="${this.recently()}"`,
      `(textPayload:${JSON.stringify(expiry)} OR textPayload:${JSON.stringify(refusal)})`,
    ].join(" AND ");
    const body: gapi.client.logging.ListLogEntriesRequest = {
      ...{ resourceNames: [`projects/${project}`], filter, orderBy: "timestamp desc", pageSize: MOST_ENTRIES },
    };
    const answer = await this.reader.read<gapi.client.logging.ListLogEntriesResponse>({
      ...{ api: "logging", path: "entries:list", role: VIEWER, body },
    });
    const texts = (answer?.entries ?? []).map(({ textPayload = "" }) => textPayload);
    // A message and its detail may be two entries, with the same process in their prefix.
    const processOf = (text: string) => /\[\d+\]/.exec(text)?.[0];
    const newest = texts.find((text) => text.includes(refusal));
    const same = texts.filter((text) => newest !== undefined && processOf(text) === processOf(newest));
    return same.some((text) => text.includes(expiry));
  }

  private recently(): string {
    return new Date(this.now.getTime() - RECENT_MINUTES * 60_000).toISOString();
  }

  /** An error that users get: as the service answers, else as its log says; undefined if there is none, or it is not seen. */
  async failure(): Promise<Failure | undefined> {
    const answer = await this.called().catch(orHidden);
    if (!(answer instanceof NotVisible)) return answer;
    return (await this.logged().catch(orNothing))?.failures[0];
  }

  /** The job that runs migrations on demand; optional. */
  migrationJob(): Promise<gapi.client.run.GoogleCloudRunV2Job | undefined> {
    const { project, region } = this.target;
    const path = `projects/${project}/locations/${region}/jobs/${MIGRATION_JOB}`;
    return this.reader.read({ api: "cloudRunV2", path, role: VIEWER });
  }

  /** @throws NotVisible if it does not exist. */
  async existingService(): Promise<Service> {
    const service = await this.service();
    if (!service) throw new NotVisible("the service does not exist");
    return service;
  }

  /** Email of the account that the service runs as, or should run as if the service cannot be read. */
  async email(): Promise<string> {
    const service = await this.service().catch(orNothing);
    return service?.template.serviceAccount ?? serviceAccountEmail(this.target.project);
  }

  /** The source of the service's `DATABASE_URL`; undefined if not a secret. */
  async pin(): Promise<Pin | undefined> {
    const service = await this.existingService();
    const variable = environment(service).find(({ name }) => name === DATABASE_URL);
    const { secret, version = "latest" } = variable?.valueSource?.secretKeyRef ?? {};
    return secret === undefined ? undefined : { secret: lastPart(secret), version };
  }

  /** The instance given, else the stack's `PROJECT-db-…`, else the one that the service mounts. */
  async instance(): Promise<Instance | undefined> {
    const { instance: given, project } = this.target;
    const instances = (await this.sql<{ items?: Instance[] }>("instances"))?.items ?? [];
    if (given !== undefined) return instances.find(({ name }) => name === given);
    const service = await this.service().catch(orNothing);
    const mounted = instances.filter(({ connectionName }) => service && mounts(service).includes(connectionName));
    const ours = instances.filter(
      ({ instanceType, name }) => name.startsWith(`${project}-db-`) && instanceType !== "READ_REPLICA_INSTANCE",
    );
    // After a replacement, an old instance may still exist.
    const both = ours.filter((instance) => mounted.includes(instance));
    const newest = ours.toSorted((a, b) => (b.createTime ?? "").localeCompare(a.createTime ?? ""));
    return both[0] ?? newest[0] ?? mounted[0];
  }

  /** The read replicas of the instance. @throws NotVisible if that does not exist. */
  async replicas(): Promise<Instance[]> {
    const { name } = await this.existingInstance();
    const instances = (await this.sql<{ items?: Instance[] }>("instances"))?.items ?? [];
    return instances.filter(({ masterInstanceName }) => masterInstanceName?.split(":").at(-1) === name);
  }

  /** @throws NotVisible if it does not exist or is not running. */
  async runningInstance(): Promise<Instance> {
    const instance = await this.existingInstance();
    if (!runs(instance)) throw new NotVisible("the instance is not running");
    return instance;
  }

  /** @throws NotVisible if it does not exist. */
  async existingInstance(): Promise<Instance> {
    const instance = await this.instance();
    if (!instance) throw new NotVisible("the instance does not exist");
    return instance;
  }

  async databases(): Promise<string[]> {
    return names(await this.ofInstance("databases"));
  }

  async users(): Promise<string[]> {
    return names(await this.ofInstance("users"));
  }

  /** Newest first. */
  async backups(): Promise<gapi.client.sql.BackupRun[]> {
    const { name } = await this.existingInstance();
    return (await this.sql<gapi.client.sql.BackupRunsListResponse>(`instances/${name}/backupRuns`))?.items ?? [];
  }

  /** The certificate that was added for the next rotation of the server's; undefined if there is none. */
  async nextServerCa(): Promise<gapi.client.sql.SslCert | undefined> {
    const { name, serverCaCert } = await this.existingInstance();
    const list = await this.sql<gapi.client.sql.InstancesListServerCasResponse>(`instances/${name}/listServerCas`);
    return list?.certs?.find(({ createTime = "" }) => createTime > (serverCaCert?.createTime ?? ""));
  }

  /** Completed ones, newest first; without the imports of `migration -- drift`, which change nothing. */
  async operations(): Promise<Operation[]> {
    const { name } = await this.existingInstance();
    const list = await this.sql<{ items?: Operation[] }>(`operations?instance=${name}&maxResults=500`);
    const ended = (list?.items ?? []).filter(
      ({ importContext, status }) => status === "DONE" && !importContext?.uri?.includes(DRIFT_FOLDER),
    );
    return ended.sort((a, b) => b.insertTime.localeCompare(a.insertTime));
  }

  /** A secret's versions, newest first; undefined if the secret does not exist. */
  async versions(secret: string): Promise<Version[] | undefined> {
    const path = `projects/${this.target.project}/secrets/${secret}/versions`;
    const list = await this.reader.read<{ versions?: Version[] }>({ api: "secretManager", path, role: VIEWER });
    return list && (list.versions ?? []).sort((a, b) => numberOf(b) - numberOf(a));
  }

  /**
   * The connection string that the service reads, or another version of it.
   * @throws NotVisible without an enabled version or access to it.
   */
  async connectionString(version?: number): Promise<Parsed<ConnectionString>> {
    const pin = await this.pin().catch(orNothing);
    const secret = pin?.secret ?? this.target.secret;
    return parseConnectionString(await this.contents(secret, version?.toString() ?? pin?.version ?? "latest"));
  }

  /** The password in the password secret. @throws NotVisible */
  password(): Promise<string> {
    return this.contents(this.target.passwordSecret, "latest");
  }

  private async contents(secret: string, version: string): Promise<string> {
    const versions = await this.versions(secret);
    const used = version === "latest" ? versions?.[0] : versions?.find((each) => String(numberOf(each)) === version);
    if (used?.state !== "ENABLED") throw new NotVisible(`${secret} has no enabled version`);
    const path = `projects/${this.target.project}/secrets/${secret}/versions/${numberOf(used)}:access`;
    const role = `roles/secretmanager.secretAccessor on ${secret}`;
    const answer = await this.reader.read<gapi.client.secretmanager.AccessSecretVersionResponse>({
      ...{ api: "secretManager", path, role },
    });
    if (!answer) throw new NotVisible(`${secret} has no enabled version`);
    return Buffer.from(answer.payload?.data ?? "", "base64").toString("utf8");
  }

  /** The password of a login in the stack's state. @throws NotVisible without a stack or access to its state. */
  async generatedPassword(login: string): Promise<string> {
    if (!this.ofState) throw new NotVisible("there is no stack to compare with");
    return this.ofState(login);
  }

  /** Logs in through the socket, once. @throws NotVisible if that is not possible. */
  loggedIn(): Promise<Login> {
    return (this.login ??= this.tryToLogIn());
  }

  /**
   * How the schema differs from what the recorded versions make, in words; undefined if no version is recorded.
   * @throws NotVisible without a login; UserError if a recorded file is not in this checkout as it was applied.
   */
  async schemaDrift(): Promise<readonly string[] | undefined> {
    const login = await this.loggedIn();
    if (!login.ok) throw new NotVisible(`the login was refused: ${login.message}`);
    if (typeof login.contents === "string") throw new NotVisible(login.contents);
    const { repeatables, versions } = login.contents;
    if (!versions?.size || !this.accepted) return undefined;
    const applied = new Map([...versions].map(([version, { checksum }]) => [version, checksum]));
    return differencesByLogin(
      this.accepted,
      await madeBy(
        appliedFiles(this.migrations, applied),
        this.target,
        appliedRepeatables(this.repeatables, repeatables),
      ),
    );
  }

  /** Name of the login that the service uses: of its connection string, if that shows one of the service's. */
  async loginName(): Promise<string> {
    const { user } = this.target;
    const string = await this.connectionString().catch(orNothing);
    return string?.ok && logins(user).includes(string.value.user) ? string.value.user : user;
  }

  /** The login that PostgreSQL accepts with the password secret; undefined if none is, or that cannot be tried. */
  async loginOfPassword(): Promise<string | undefined> {
    const { database, socket, user } = this.target;
    const password = await this.password().catch(orNothing);
    const instance = await this.runningInstance().catch(orNothing);
    if (socket === undefined || password === undefined || !instance) return undefined;
    for (const name of logins(user)) {
      const request = { socket, connectionName: instance.connectionName, database, user: name, password };
      if ((await logIn(request, this.migrations).catch(orNothing))?.ok) return name;
    }
    return undefined;
  }

  private async tryToLogIn(): Promise<Login> {
    const { database, passwordSecret, secret, socket } = this.target;
    const { connectionName } = await this.runningInstance();
    if (socket === undefined) {
      throw new NotVisible(
        `no login was tried: run \`cloud-sql-proxy --unix-socket DIR ${connectionName}\` and add --socket DIR`,
        "roles/cloudsql.client on the project",
      );
    }
    const string = await this.connectionString().catch(orNothing);
    const fromString = string?.ok ? string.value : undefined;
    const name = await this.loginName();
    const attempt = async (password: string) => {
      const request = { socket, connectionName, database, user: name, password };
      const login = await logIn(request, this.migrations);
      if (login.ok) this.accepted = request;
      return login;
    };
    if (!fromString) return { ...(await attempt(await this.password())), source: passwordSecret };
    const first = { ...(await attempt(fromString.password)), source: secret };
    if (first.ok || first.code !== "28P01") return first;
    // The password secret may have the right password, which then need not be replaced.
    const other = await this.password().catch(orNothing);
    const second = other === undefined || other === fromString.password ? undefined : await attempt(other);
    return { ...first, alternative: second?.ok === true };
  }

  /**
   * The newest value of a metric, summed over its time series; undefined without a value in the last hour.
   * https://cloud.google.com/monitoring/api/metrics_gcp#gcp-cloudsql
   * @param metric Below `cloudsql.googleapis.com/database/`.
   * @param instance Another instance than the stack's, which is the default.
   */
  async metric(metric: string, instance?: string): Promise<number | undefined> {
    const { project } = this.target;
    const name = instance ?? (await this.existingInstance()).name;
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

  /** The uptime checks of this project's stacks. */
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

/** Whether an instance accepts connections. */
export function runs({ state, settings }: Instance): boolean {
  return state === "RUNNABLE" && settings.activationPolicy !== "NEVER";
}

/** The service's logins, between which rotation alternates. */
export function logins(user: string): string[] {
  return [user, `${user}_b`];
}

/** The environment variables of all containers. */
export function environment(service: Service): readonly EnvVar[] {
  return (service.template.containers ?? []).flatMap(({ env = [] }) => env as EnvVar[]);
}

/** Connection names of the sockets that the service mounts. */
export function mounts(service: Service): readonly string[] {
  return (service.template.volumes ?? []).flatMap(({ cloudSqlInstance }) => cloudSqlInstance?.instances ?? []);
}

export function numberOf({ name }: Version): number {
  return Number(lastPart(name));
}

/** Turns NotVisible into undefined; rethrows other errors. */
export function orNothing(error: unknown): undefined {
  if (!(error instanceof NotVisible)) throw error;
}

/** Turns NotVisible into a value; rethrows other errors. */
export function orHidden(error: unknown): NotVisible {
  if (error instanceof NotVisible) return error;
  throw error;
}

type Named = gapi.client.sql.DatabasesListResponse | gapi.client.sql.UsersListResponse;

function names(list: Named | undefined): string[] {
  return (list?.items ?? []).flatMap(({ name }) => name ?? []);
}
