import { mkdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { shortFolder } from "../../state/short-folder.ts";
import type { OpenSocket } from "../cloudsql/socket.ts";
import { GoogleError } from "../../rest/errors.ts";
import { shortName } from "../../rest/names.ts";
import { imageNotFound, secretsNotReadable, unsupported } from "./failure.ts";
import type { Log } from "./logs.ts";
import { launch, type Program } from "./launch.ts";
import { MetadataServer, type MetadataOptions } from "./metadata.ts";
import { SOCKETS } from "./namespace.ts";
import { Process } from "./program.ts";
import type { Container, EnvVar, InstanceTemplate } from "./resources.ts";

/** Reads secrets on behalf of a member. */
export interface SecretReader {
  /**
   * @param name `projects/P/secrets/S/versions/V`; V a number or `latest`.
   * @param member Such as `serviceAccount:EMAIL`.
   * @throws GoogleError if the version does not exist or is not enabled, or the member may not read it.
   */
  accessVersion(name: string, member: string): Buffer;
}

export interface RuntimeOptions extends MetadataOptions {
  readonly secrets: SecretReader;
  readonly openSocket: OpenSocket;
  /** Programs by image reference: with a tag or digest, or without for all of them. */
  readonly images: Readonly<Record<string, Program>>;
}

/** A process to start. */
export interface Start {
  readonly template: InstanceTemplate;
  /** Full name of the revision or the execution. */
  readonly name: string;
  /** The variables that Cloud Run adds to the environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly log: Log;
}

/** Turns a template into a process: image, secrets, sockets, environment. */
export class Runtime {
  private readonly options: RuntimeOptions;

  constructor(options: RuntimeOptions) {
    this.options = options;
  }

  /**
   * The checks that Cloud Run makes before it starts a process.
   * @returns The program, and the environment that the template declares, including secrets.
   * @throws StartFailure for an unknown image, an unreadable secret or an unsupported template.
   */
  check(template: InstanceTemplate, project: string): { program: Program; env: Record<string, string> } {
    const container = onlyContainer(template);
    const program = findImage(this.options.images, container.image);
    if (!program) throw imageNotFound(container.image);
    const env: Record<string, string> = {};
    const problems: string[] = [];
    for (const [index, variable] of (container.env ?? []).entries()) {
      try {
        env[variable.name] = this.value(variable, project, template.serviceAccount);
      } catch (error) {
        if (!(error instanceof GoogleError)) throw error;
        problems.push(
          `spec.template.spec.containers[0].env[${index}].value_from.secret_key_ref.name: ${error.message}`,
        );
      }
    }
    if (problems.length > 0) throw secretsNotReadable(problems);
    return { program, env };
  }

  /**
   * Starts a process. Its sockets and its folder are removed when it ends.
   * @throws StartFailure as {@link check}.
   */
  async start({ template, name, env, log }: Start): Promise<Process> {
    const [, project = "", , region = ""] = name.split("/");
    const { program, env: declared } = this.check(template, project);
    // Short, because the path of a Unix socket is limited.
    const folder = await mkdtemp(join(shortFolder(), "run-"));
    const opened: { close(): Promise<void> }[] = [];
    const cleanUp = async () => {
      await Promise.all(opened.map((each) => each.close()));
      await rm(folder, { recursive: true, force: true });
    };
    try {
      const metadata = await MetadataServer.start({ project, region, email: template.serviceAccount }, this.options);
      opened.push(metadata);
      const sockets = await this.openSockets(template, folder, opened, log);
      const args = onlyContainer(template).args ?? [];
      const launched = await launch({ program, args, env: { ...metadata.env, ...declared, ...env }, sockets, folder });
      if (launched.problem !== undefined && sockets !== undefined)
        log.system(`Only Node.js programs find ${SOCKETS} here: ${launched.problem}.`, "WARNING");
      return new Process({ launch: launched, log, cleanUp });
    } catch (error) {
      await cleanUp();
      throw error;
    }
  }

  /** The literal, or the secret's value. */
  private value({ value = "", valueSource }: EnvVar, project: string, account: string): string {
    const reference = valueSource?.secretKeyRef;
    if (!reference) return value;
    const secret = reference.secret.includes("/")
      ? reference.secret
      : `projects/${this.options.projects.number(project)}/secrets/${reference.secret}`;
    const name = `${secret}/versions/${reference.version ?? "latest"}`;
    try {
      return this.options.secrets.accessVersion(name, `serviceAccount:${account}`).toString("utf8");
    } catch (error) {
      throw error instanceof GoogleError ? inCloudRunsWords(error, name, account) : error;
    }
  }

  /**
   * Opens the sockets of the volumes that the container mounts.
   * @returns Their folders by connection name; undefined if it mounts none.
   */
  private async openSockets(template: InstanceTemplate, folder: string, opened: object[], log: Log) {
    const { volumeMounts = [] } = onlyContainer(template);
    if (volumeMounts.length === 0) return undefined;
    const sockets: Record<string, string> = {};
    for (const { name } of volumeMounts) {
      const volume = template.volumes?.find((candidate) => candidate.name === name);
      for (const connectionName of volume?.cloudSqlInstance?.instances ?? []) {
        const real = join(folder, String(opened.length));
        mkdirSync(real, { mode: 0o700 });
        const onRefused = (reason: string) => {
          log.system(reason, "ERROR");
        };
        const member = `serviceAccount:${template.serviceAccount}`;
        const networks = networksOf(template);
        opened.push(await this.options.openSocket({ connectionName, member, networks, folder: real, onRefused }));
        sockets[connectionName] = real;
      }
    }
    return sockets;
  }
}

/** Names of the networks that a template is in; a network without a name has that of its subnetwork. */
function networksOf({ vpcAccess }: InstanceTemplate): string[] {
  return (vpcAccess?.networkInterfaces ?? []).map(({ network, subnetwork = "" }) => shortName(network ?? subnetwork));
}

/** @throws StartFailure unless the template has one container and only Cloud SQL volumes. */
function onlyContainer({ containers, volumes = [] }: InstanceTemplate): Container {
  const [container] = containers;
  if (!container || containers.length > 1) throw unsupported("runs one container per instance");
  if (container.command) {
    throw unsupported(`runs the program it knows for an image; leave out "command", and give it "args"`);
  }
  const other = volumes.find((volume) => !volume.cloudSqlInstance);
  if (other) throw unsupported(`mounts Cloud SQL volumes only; volume "${other.name}" has another type`);
  return container;
}

/** An entry for exactly this reference takes precedence over one for any tag or digest. */
function findImage(images: Readonly<Record<string, Program>>, reference: string): Program | undefined {
  return images[reference] ?? images[reference.replace(/@sha256:[0-9a-f]+$/, "").replace(/:[^:/]+$/, "")];
}

function inCloudRunsWords(error: GoogleError, name: string, account: string): GoogleError {
  switch (error.status) {
    case "NOT_FOUND":
      return new GoogleError("NOT_FOUND", `Secret ${name} was not found`);
    case "PERMISSION_DENIED":
      return new GoogleError(
        "PERMISSION_DENIED",
        `Permission denied on secret: ${name} for Revision service account ${account}. The service account used must be ` +
          "granted the 'Secret Manager Secret Accessor' role (roles/secretmanager.secretAccessor) at the secret, project " +
          "or higher level.",
      );
    default:
      return error;
  }
}
