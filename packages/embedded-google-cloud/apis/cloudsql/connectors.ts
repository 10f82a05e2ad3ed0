import type { Socket } from "node:net";
import { createServer, type Server, type TLSSocket } from "node:tls";
import { GoogleError } from "../../rest/errors.ts";
import type { Fields } from "../../rest/fields.ts";
import { type Authority, identityOf, type SslCert } from "./authority.ts";
import type { Instance } from "./instance.ts";
import type { Instances } from "./instances.ts";
import { invalid } from "./invalid.ts";
import type { AuthProxy } from "./socket.ts";

/** The port that connectors and the Auth Proxy connect to: https://cloud.google.com/sql/docs/postgres/sql-proxy */
export const CONNECTOR_PORT = 3307;

/**
 * The server side of the Cloud SQL connectors and of the Auth Proxy. They learn address and authority from
 * `connectSettings`, get a certificate for their key from `generateEphemeralCert`, and connect by TLS 1.3.
 */
export class Connectors {
  private server: Server | undefined;
  private host = "127.0.0.1";
  /** The DNS names in the server's certificate. */
  private names: readonly string[] = [];
  /** Done when the server has the certificate with these names. */
  private certified: Promise<void> = Promise.resolve();
  private readonly sockets = new Set<Socket>();
  private readonly instances: Instances;
  private readonly authority: Authority;
  private readonly proxy: AuthProxy;

  constructor(instances: Instances, authority: Authority, proxy: AuthProxy) {
    this.instances = instances;
    this.authority = authority;
    this.proxy = proxy;
  }

  /** Listens, as `EmbeddedCloud.listenForConnectors` describes. */
  async listen(host = this.host): Promise<void> {
    const server = createServer({ minVersion: "TLSv1.3", requestCert: true, rejectUnauthorized: true }, (socket) => {
      this.serve(socket).catch(() => socket.destroy()); // as Google, which says no more to a client than this
    });
    server.on("connection", (socket: Socket) => {
      this.sockets.add(socket);
      socket.on("close", () => this.sockets.delete(socket));
    });
    server.on("tlsClientError", (_error, socket) => socket.destroy());
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(CONNECTOR_PORT, host, resolve);
    });
    this.server = server;
    this.host = host;
  }

  /** Closes the port and its connections. */
  async stop(): Promise<void> {
    const { server } = this;
    for (const socket of this.sockets) socket.destroy();
    if (server) await new Promise((resolve) => server.close(resolve));
  }

  /** How to connect to an instance. @throws GoogleError FAILED_PRECONDITION if nothing listens. */
  async settings(instance: Instance): Promise<Fields> {
    await this.admit(instance);
    const { backendType, connectionName, databaseVersion, dnsName, ipAddresses, region, serverCaCert } = instance;
    const addresses = (ipAddresses as { type: string }[]).map(({ type }) => ({ ipAddress: this.host, type }));
    return {
      ...{ kind: "sql#connectSettings", backendType, connectionName, databaseVersion, dnsName, region, serverCaCert },
      ...{ ipAddresses: addresses, serverCaMode: "GOOGLE_MANAGED_INTERNAL_CA" },
    };
  }

  /** @throws GoogleError FAILED_PRECONDITION if nothing listens; INVALID_ARGUMENT for a key or a wish that is not served. */
  async certify(instance: Instance, body: Fields, member: string): Promise<{ ephemeralCert: SslCert }> {
    const unknown = ["access_token", "readTime", "validDuration"].find((name) => body[name] !== undefined);
    if (unknown !== undefined) throw invalid(`The embedded cloud does not evaluate ${unknown}.`);
    await this.admit(instance);
    const { name, project } = instance;
    const identity = { member, project, instance: name };
    return { ephemeralCert: await this.authority.ephemeral(body.public_key, identity) };
  }

  /** Lets the server's certificate carry an instance's name. */
  private async admit({ dnsName }: Instance): Promise<void> {
    const { authority, server } = this;
    if (!server) {
      throw new GoogleError(
        "FAILED_PRECONDITION",
        `The embedded cloud does not listen on ${this.host}:${CONNECTOR_PORT}, which the Auth Proxy and connectors need: it was started without it, or another program has the port.`,
        "failedPrecondition",
      );
    }
    const name = String(dnsName).replace(/\.$/, "");
    if (!this.names.includes(name)) {
      const names = [...this.names, name];
      this.names = names;
      // One after the other, since clients ask for settings and certificate at once, and the last context must have all names.
      this.certified = this.certified.then(async () => {
        server.setSecureContext(await authority.server(names));
      });
    }
    await this.certified;
  }

  private async serve(socket: TLSSocket): Promise<void> {
    const { subject } = socket.getPeerCertificate();
    const { member, project, instance } = identityOf(subject as { CN: string; OU: string });
    const { connectionName } = this.instances.get(project, instance);
    await this.proxy.serve(socket, { connectionName, member });
  }
}
