import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Identities } from "../../iam/identities.ts";
import type { Projects } from "../../server/projects.ts";
import type { ServiceAccounts } from "../serviceaccounts/accounts.ts";

/** The instance that asks for its metadata. */
export interface Identified {
  /** Id of its project. */
  readonly project: string;
  readonly region: string;
  /** Of the account it runs as. */
  readonly email: string;
}

export interface MetadataOptions {
  readonly projects: Projects;
  readonly accounts: ServiceAccounts;
  readonly identities: Identities;
}

/** Seconds: an access token is valid for an hour, and the server hands it out until five minutes before its end. */
const LIFETIME = 3600;
const REST = 300;

/** Of every account on Cloud Run: https://cloud.google.com/run/docs/securing/service-identity#access_scopes */
const SCOPES = ["https://www.googleapis.com/auth/cloud-platform"];

/** A value, computed for each request. */
type Value = (query: URLSearchParams) => string;
interface Folder {
  readonly [name: string]: Value | Folder;
}

interface Content {
  readonly type: string;
  readonly body: string;
}

/** A response in Google's form. */
class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * The metadata server of one instance, from which Google's libraries take project and credentials.
 * https://cloud.google.com/run/docs/container-contract#metadata-server
 */
export class MetadataServer {
  private readonly server: Server;
  private readonly root: Folder;
  /** The last access token, and when it expires in milliseconds. */
  private token: { value: string; expires: number } | undefined;
  private readonly instance: Identified;
  private readonly options: MetadataOptions;

  private constructor(instance: Identified, options: MetadataOptions) {
    this.instance = instance;
    this.options = options;
    this.root = { computeMetadata: { v1: this.tree() } };
    this.server = createServer((request, response) => {
      this.answer(request, response);
    });
  }

  /** Starts a server on a free port. @param instance Whose metadata it serves. */
  static async start(instance: Identified, options: MetadataOptions): Promise<MetadataServer> {
    const metadata = new MetadataServer(instance, options);
    await new Promise<void>((resolve) => metadata.server.listen(0, "127.0.0.1", resolve));
    return metadata;
  }

  /** The variables that lead Google's libraries here; on Cloud Run they find it by its name or by its address. */
  get env(): Readonly<Record<string, string>> {
    const host = `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
    return { GCE_METADATA_HOST: host, GCE_METADATA_IP: host };
  }

  /** Stops it at once. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }

  private tree(): Folder {
    const { project, region, email } = this.instance;
    const number = this.options.projects.number(project);
    const id = randomBytes(64).toString("hex");
    const account: Folder = {
      aliases: () => "default",
      email: () => email,
      identity: (query) => this.identity(query),
      scopes: () => SCOPES.join("\n"),
      token: () => this.accessToken(),
    };
    return {
      instance: {
        id: () => id,
        region: () => `projects/${number}/regions/${region}`,
        "service-accounts": { default: account, [email]: account },
        zone: () => `projects/${number}/zones/${region}-1`,
      },
      project: { "numeric-project-id": () => number, "project-id": () => project },
    };
  }

  /** @throws Refusal if the account has no tokens. */
  private requireAccount(): string | undefined {
    const { email } = this.instance;
    const { accounts } = this.options;
    if (accounts.isMissing(email)) throw new Refusal(404, `Not found; Gaia id not found for email ${email}`);
    if (!accounts.exists(email)) return undefined; // the default account, which every project has
    const { disabled, uniqueId } = accounts.get(email);
    if (disabled) throw new Refusal(403, `Service account ${email} is disabled.`);
    return uniqueId;
  }

  private accessToken(): string {
    this.requireAccount();
    const { identities } = this.options;
    if (!this.token || this.token.expires - Date.now() < REST * 1000) {
      const value = identities.tokenFor(`serviceAccount:${this.instance.email}`, LIFETIME);
      this.token = { value, expires: Date.now() + LIFETIME * 1000 };
    }
    const { value, expires } = this.token;
    const left = Math.floor((expires - Date.now()) / 1000);
    return JSON.stringify({ access_token: value, expires_in: left, token_type: "Bearer" });
  }

  private identity(query: URLSearchParams): string {
    const audience = query.get("audience") ?? "";
    if (audience === "") throw new Refusal(400, "non-empty audience parameter required");
    const subject = this.requireAccount();
    return this.options.identities.idTokenFor(`serviceAccount:${this.instance.email}`, audience, subject);
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    response.setHeader("Metadata-Flavor", "Google");
    try {
      const { pathname, search, searchParams } = permitted(request);
      const found = this.find(pathname);
      if (typeof found === "object" && !pathname.endsWith("/")) {
        response.writeHead(301, { location: `${pathname}/${search}` }).end();
      } else {
        const { type, body } = contentOf(found, searchParams);
        response.writeHead(200, { "content-type": type }).end(body);
      }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      response.writeHead(error.status, { "content-type": "text/html; charset=UTF-8" }).end(`${error.message}\n`);
    }
  }

  /** @throws Refusal if nothing has this path. */
  private find(path: string): Value | Folder {
    let found: Value | Folder | undefined = this.root;
    // Behind a value, a slash leads nowhere.
    for (const name of path === "/" ? [] : path.replace(/^\/|\/$/g, "").split("/")) {
      found = typeof found === "object" && Object.hasOwn(found, name) ? found[name] : undefined;
    }
    if (found === undefined || (typeof found === "function" && path.endsWith("/")))
      throw new Refusal(404, `The requested URL ${path} was not found on this server.`);
    return found;
  }
}

/**
 * The URL of a request that may have an answer.
 * @throws Refusal for a web page's, which can reach this address by a name of its own; and for one that was not meant for this server.
 */
function permitted({ headers, method = "", url = "/" }: IncomingMessage): URL {
  if (!/^(127\.0\.0\.1|localhost):\d+$/.test(headers.host ?? "")) throw new Refusal(403, "Not a loopback name.");
  if (method !== "GET" && method !== "HEAD") throw new Refusal(405, `${method} is not allowed.`);
  const asked = new URL(url, "http://metadata");
  const problem =
    headers["x-forwarded-for"] !== undefined
      ? "Metadata Server doesn't support requests with the X-Forwarded-For header."
      : // Without the header, the root tells a program where it runs.
        asked.pathname !== "/" && headers["metadata-flavor"] !== "Google"
        ? "Missing Metadata-Flavor:Google header."
        : undefined;
  if (problem === undefined) return asked;
  throw new Refusal(
    403,
    `Your client does not have permission to get URL ${asked.pathname} from this server. ${problem}`,
  );
}

/** @throws Refusal for a form that this server does not have. */
function contentOf(found: Value | Folder, query: URLSearchParams): Content {
  const recursive = typeof found === "object" && query.get("recursive") === "true";
  const alt = query.get("alt") ?? (recursive ? "json" : "text");
  if (query.get("wait_for_change") === "true" || !["json", "text"].includes(alt) || (recursive && alt === "text"))
    throw new Refusal(400, "The embedded cloud has no wait_for_change, and answers recursive requests as JSON only.");
  if (typeof found === "object") {
    return recursive
      ? { type: "application/json", body: JSON.stringify(aggregate(found)) }
      : { type: "application/text", body: listing(found) };
  }
  const value = found(query);
  if (value.startsWith("{")) return { type: "application/json", body: value };
  return alt === "json"
    ? { type: "application/json", body: JSON.stringify(value) }
    : { type: "application/text", body: value };
}

function listing(folder: Folder): string {
  return Object.entries(folder)
    .map(([name, node]) => (typeof node === "function" ? `${name}\n` : `${name}/\n`))
    .join("");
}

/** Everything below a folder but the tokens: https://cloud.google.com/compute/docs/metadata/querying-metadata#aggcontents */
function aggregate(folder: Folder): object {
  const fields = Object.entries(folder).flatMap(([name, node]): [string, unknown][] => {
    if (name === "token" || name === "identity") return [];
    // An account's name stays as it is.
    const key = name.includes("@") ? name : name.replace(/-(\w)/g, (_dash, letter: string) => letter.toUpperCase());
    if (typeof node === "object") return [[key, aggregate(node)]];
    const value = node(new URLSearchParams());
    if (name === "numeric-project-id") return [[key, Number(value)]];
    return [[key, name === "aliases" || name === "scopes" ? value.split("\n") : value]];
  });
  return Object.fromEntries(fields);
}
