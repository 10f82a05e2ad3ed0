import { existsSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { GoogleError } from "../../rest/errors.ts";
import type { Access } from "../../iam/access.ts";
import { addressOf } from "./instance.ts";
import { isRegion, regionOfZone } from "../../rest/places.ts";
import type { Projects } from "../../server/projects.ts";
import type { EnabledServices } from "../../server/enabled-services.ts";
import { instanceResource, type Instances } from "./instances.ts";

/** A Cloud SQL volume that Cloud Run mounts. */
export interface SocketRequest {
  /** `PROJECT:REGION:INSTANCE`, as in the volume; checked at every connection, not when the socket is opened. */
  readonly connectionName: string;
  /** Such as `serviceAccount:EMAIL`; needs `cloudsql.instances.connect` on the instance. */
  readonly member: string;
  /** The networks of the client, to reach private addresses; by default it reaches all, as a proxy in the instance's network. */
  readonly networks?: readonly string[];
  /** An existing folder, in which the socket `.s.PGSQL.5432` is created; its path has at most 89 bytes. */
  readonly folder: string;
  /** Gets the reason when a connection is refused, in the Auth Proxy's words. */
  readonly onRefused: (message: string) => void;
}

/** An open socket of a Cloud SQL volume. */
export interface SocketMount {
  /** Closes its connections and removes it. */
  close(): Promise<void>;
}

/**
 * Opens a socket that leads to an instance's PostgreSQL, as the Cloud SQL Auth Proxy does. A missing permission, a wrong
 * connection name or a stopped instance closes each connection.
 * @throws Error if the folder does not exist or its path is too long for a Unix socket.
 */
export type OpenSocket = (request: SocketRequest) => Promise<SocketMount>;

/** The longest path of a Unix socket in bytes: Linux allows 107, macOS 103. */
const MAX_PATH_BYTES = 103;

const SERVICE = "sqladmin.googleapis.com";

/** A project id may have a domain, as in `example.com:project`. */
const CONNECTION_NAME = /^((?:[a-z0-9.-]+\.[a-z]+:)?[^:]+):([^:]+):([^:]+)$/;

/** The Cloud SQL Auth Proxy of the embedded cloud. */
export class AuthProxy {
  private readonly mounts = new Set<SocketMount>();

  private readonly instances: Instances;
  private readonly access: Access;
  private readonly projects: Projects;
  private readonly services: EnabledServices;

  constructor(instances: Instances, access: Access, projects: Projects, services: EnabledServices) {
    this.instances = instances;
    this.access = access;
    this.projects = projects;
    this.services = services;
  }

  /** {@link OpenSocket} */
  readonly openSocket: OpenSocket = async (request) => {
    const path = join(request.folder, ".s.PGSQL.5432");
    if (Buffer.byteLength(path) > MAX_PATH_BYTES) {
      throw new Error(
        `The path of the Cloud SQL socket is too long for a Unix socket (${MAX_PATH_BYTES} bytes): ${path}`,
      );
    }
    if (!existsSync(request.folder)) throw new Error(`The folder of the Cloud SQL socket does not exist: ${path}`);
    rmSync(path, { force: true }); // left by a killed run
    const open = new Set<Socket>();
    const server = createServer((client) => {
      open.add(client);
      client.on("close", () => open.delete(client));
      client.on("error", () => client.destroy());
      this.serve(client, request).catch((error: unknown) => {
        request.onRefused(refusal(request.connectionName, error));
        client.destroy();
      });
    });
    await listen(server, path);
    const mount: SocketMount = {
      close: async () => {
        this.mounts.delete(mount);
        for (const client of open) client.destroy();
        await new Promise((resolve) => server.close(resolve));
      },
    };
    this.mounts.add(mount);
    return mount;
  };

  /** Closes every socket. */
  async stop(): Promise<void> {
    await Promise.all([...this.mounts].map((mount) => mount.close()));
  }

  /**
   * Leads a connection to the instance's PostgreSQL.
   * @throws GoogleError for a missing permission, a wrong connection name or a stopped instance.
   */
  async serve(
    client: Socket,
    { connectionName, member, networks }: Pick<SocketRequest, "connectionName" | "member" | "networks">,
  ): Promise<void> {
    const [, project = "", region = "", instance = ""] = CONNECTION_NAME.exec(connectionName) ?? [];
    if (!isRegion(region)) {
      const problem = regionOfZone(region)
        ? "carries a zone where the region belongs"
        : "does not have the form PROJECT:REGION:INSTANCE";
      throw new GoogleError("INVALID_ARGUMENT", `the connection name ${problem}`, "invalid");
    }
    this.services.require(this.projects.id(project), SERVICE);
    if (!this.access.allows(member, "cloudsql.instances.connect", instanceResource(project, instance))) {
      throw new GoogleError(
        "PERMISSION_DENIED",
        "boss::NOT_AUTHORIZED: Not authorized to access resource. Possibly missing permission " +
          `cloudsql.instances.connect on resource instances/${instance}.`,
        "notAuthorized",
      );
    }
    const found = this.instances.requireRunning(project, instance);
    if (found.region !== region) {
      const problem = `the instance is in the region "${found.region}", not in "${region}"`;
      throw new GoogleError("INVALID_ARGUMENT", problem, "invalid");
    }
    if (networks && !this.instances.isReachable(found, networks)) {
      throw new Error(`dial tcp ${addressOf(found)}:3307: i/o timeout`);
    }
    pipe(client, connect(await this.instances.socket(project, instance)));
  }
}

function pipe(client: Socket, server: Socket): void {
  server.on("error", () => server.destroy());
  server.on("close", () => client.destroy());
  client.on("close", () => server.destroy());
  client.pipe(server).pipe(client);
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** What Cloud Run logs for a refused connection. */
function refusal(connectionName: string, error: unknown): string {
  const cause =
    error instanceof GoogleError
      ? `googleapi: Error ${error.code}: ${error.message}, ${error.reason ?? ""}`
      : (error as Error).message;
  return (
    "Cloud SQL connection failed. Please see https://cloud.google.com/sql/docs/postgres/connect-run for additional " +
    `details: ensure that the account has access to "${connectionName}" (and make sure there's no typo in that name). ` +
    `Error during generateEphemeral for ${connectionName}: ${cause}`
  );
}
