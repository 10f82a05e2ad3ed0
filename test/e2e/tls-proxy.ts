import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type Server } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { Authority } from "../../packages/embedded-google-cloud/apis/cloudsql/authority.ts";

/**
 * Lets gcloud reach the embedded cloud by an API whose address it has no setting for: an HTTPS proxy that stands in for one of
 * Google's hosts, with a certificate that gcloud is told to trust. It refuses every other host.
 */
export class TlsProxy {
  private readonly host: string;
  private readonly folder = mkdtempSync(join(tmpdir(), "tls-proxy-"));
  private readonly proxy = createServer();
  private google: Server | undefined;

  /** @param host Such as `servicenetworking.googleapis.com`. */
  constructor(host: string) {
    this.host = host;
  }

  /** @param cloud The embedded cloud's URL. @returns A line of shell that sets gcloud's variables. */
  async start(cloud: string): Promise<string> {
    const { ca, cert, key } = await new Authority(this.folder).server([this.host]);
    const google = createTlsServer({ cert, key }, (request, response) => {
      forward(cloud, request, response).catch((error: unknown) => response.destroy(error as Error));
    });
    this.google = google;
    this.proxy.on("connect", ({ url }, socket: Socket) => {
      const known = url === `${this.host}:443`;
      socket.write(`HTTP/1.1 ${known ? "200 Connection Established" : "403 Forbidden"}\r\n\r\n`);
      if (known) google.emit("connection", socket);
      else socket.end();
    });
    await new Promise<void>((resolve) => this.proxy.listen(0, "127.0.0.1", resolve));
    const { port } = this.proxy.address() as AddressInfo;
    const authority = join(this.folder, "ca.pem");
    writeFileSync(authority, ca);
    // Python's requests prefers its own variable to gcloud's.
    const trusted = ["CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", "REQUESTS_CA_BUNDLE"].map(
      (name) => `${name}='${authority}'`,
    );
    return `export https_proxy=http://127.0.0.1:${port} ${trusted.join(" ")}`;
  }

  async stop(): Promise<void> {
    this.google?.closeAllConnections();
    await new Promise((resolve) => this.proxy.close(resolve));
    rmSync(this.folder, { recursive: true });
  }
}

async function forward(cloud: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { headers, method = "GET", url = "/" } = request;
  const body = await text(request);
  const answer = await fetch(cloud + url, {
    method,
    headers: { authorization: headers.authorization ?? "", "content-type": "application/json" },
    ...(body !== "" && { body }),
  });
  response.writeHead(answer.status, { "content-type": "application/json" }).end(await answer.text());
}
