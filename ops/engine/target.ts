import { existsSync, readFileSync } from "node:fs";
import {
  CONNECTION_STRING_SECRET,
  DATABASE,
  LOGINS,
  migrationsBucket,
  PASSWORD_SECRET,
  PROJECT_ID,
  SERVICE,
} from "../../infra/names.ts";
import { resolve } from "node:path";
import { CannotInspect } from "../google/reader.ts";
import { stackName } from "../terminal/options.ts";
import { UsageError } from "../terminal/user-error.ts";
import { type Endpoints, type Token } from "../../infra/google.ts";
import { endpointsOf } from "./endpoints.ts";
import { localFolder, privateFolder, socketFolder } from "./private-folder.ts";
import { noStack, readStackFile, stackPath } from "./stack-file.ts";

/** What a stack's configuration declares about access. */
export interface Declared {
  /** Whether anyone may call the service. */
  readonly public: boolean;
  /** Email of the account that updates the stack, which may call the service. */
  readonly deployer?: string;
  /** Whether the instance has a private address only. */
  readonly network: boolean;
  /** The load balancer, if there is one. */
  readonly frontend?: DeclaredFrontend;
}

/** A load balancer, and where it leads. */
export interface DeclaredFrontend {
  readonly domain: string;
  /** The region of the primary, whose service gets the requests. */
  readonly region: string;
  /** Whether a failover to that region is unfinished. */
  readonly underway: boolean;
}

/** What the doctor inspects: a project, a region, and the names of the parts. */
export interface Target {
  /** Name of the stack, if it is one of this project's. */
  readonly stack?: string;
  readonly project: string;
  readonly region: string;
  /** Name of the Cloud SQL instance; if not given, the doctor finds it. */
  readonly instance?: string;
  readonly database: string;
  /** The service's login. */
  readonly user: string;
  readonly service: string;
  /** Id of the secret with the connection string. */
  readonly secret: string;
  /** Id of the secret with the password. */
  readonly passwordSecret: string;
  readonly bucket: string;
  /** The schema version in the stack's configuration, if any; the checkout's newest otherwise. */
  readonly schemaVersion?: string;
  /** The image that the stack declares for the service. */
  readonly image?: string;
  /** The declared extensions and schemas. */
  readonly extensions?: readonly string[];
  readonly schemas?: readonly string[];
  /** Absent without a stack. */
  readonly declared?: Declared;
  /** Folder of a Cloud SQL Auth Proxy's sockets, or of the embedded cloud, to test the login. */
  readonly socket?: string;
}

/** A target, and how to reach it. */
export interface Place {
  readonly target: Target;
  readonly endpoints: Endpoints;
  /** The caller's token, if not that of {@link Google}. */
  readonly token: Token | undefined;
  /** Email of the account that may call the service: `settlement:deployer`. */
  readonly deployer: string | undefined;
}

/** The command line's options. */
export const OPTIONS = {
  stack: { type: "string" },
  project: { type: "string" },
  region: { type: "string" },
  instance: { type: "string" },
  database: { type: "string" },
  user: { type: "string" },
  service: { type: "string" },
  secret: { type: "string" },
  "password-secret": { type: "string" },
  bucket: { type: "string" },
  socket: { type: "string" },
} as const;

/** Values that become part of a URL must have these forms, or a request could go elsewhere. */
const FORMS = {
  project: [PROJECT_ID, "a project id, such as fusion-prime"],
  region: [/^[a-z]+(-[a-z]+)+[0-9]+$/, "a region, such as us-central1"],
  instance: [/^[a-z][a-z0-9-]{0,97}$/, "the name of a Cloud SQL instance"],
  service: [/^[a-z][a-z0-9-]{0,62}$/, "the name of a Cloud Run service"],
  secret: [/^[\w-]{1,255}$/, "the id of a secret"],
  "password-secret": [/^[\w-]{1,255}$/, "the id of a secret"],
  bucket: [/^[a-z0-9][\w.-]{1,220}[a-z0-9]$/, "the name of a bucket"],
} as const;

/** The options that were given. */
export type Given = Partial<Record<keyof typeof OPTIONS, string>>;

/**
 * Determines the target from the options and the stack file; options take precedence.
 * @param root The repository's root.
 * @throws UsageError if there is no such stack, or neither a stack nor a project with its region is given.
 * @throws CannotInspect if the stack is `local` and was never deployed.
 */
export function locate(given: Given, root: string): Place {
  const config = given.stack === undefined ? {} : stackConfig(stackName(given.stack), root);
  const project = given.project ?? text(config["gcp:project"]);
  const region = given.region ?? text(config["gcp:region"]);
  if (project === undefined || region === undefined) {
    throw new UsageError(
      given.stack === undefined
        ? "Specify what to inspect: --stack S, or --project P and --region R."
        : `Pulumi.${given.stack}.yaml does not set gcp:project and gcp:region: add --project P and --region R.`,
    );
  }
  for (const [name, [form, expected]] of Object.entries(FORMS)) {
    const value = { ...given, project, region }[name as keyof typeof FORMS];
    if (value !== undefined && !form.test(value))
      throw new UsageError(`--${name} must be ${expected}, not "${value}".`);
  }
  const { extensions, schemas } = (config["settlement:database"] ?? {}) as Record<string, unknown>;
  const held = given.stack === "local" ? heldSocket(root) : undefined;
  const socket = given.socket === undefined ? held : resolve(given.socket); // clients take other paths for host names
  const schemaVersion = text((config["settlement:schema"] as { version?: unknown } | undefined)?.version);
  const image = text((config["settlement:service"] as { image?: unknown } | undefined)?.image);
  return {
    target: {
      ...(given.stack !== undefined && { stack: given.stack }),
      project,
      region,
      ...(given.instance !== undefined && { instance: given.instance }),
      database: given.database ?? DATABASE,
      user: given.user ?? LOGINS[0],
      service: given.service ?? SERVICE,
      secret: given.secret ?? CONNECTION_STRING_SECRET,
      passwordSecret: given["password-secret"] ?? PASSWORD_SECRET,
      bucket: given.bucket ?? migrationsBucket(project),
      ...(schemaVersion !== undefined && { schemaVersion }),
      ...(image !== undefined && { image }),
      ...(Array.isArray(extensions) && { extensions: extensions.map(String) }),
      ...(Array.isArray(schemas) && { schemas: schemas.map(String) }),
      ...(given.stack !== undefined && { declared: declaredIn(config, region) }),
      ...(socket !== undefined && { socket }),
    },
    endpoints: endpointsOf(config),
    token: given.stack === "local" ? () => localToken(root) : undefined,
    deployer: text(config["settlement:deployer"]),
  };
}

/** @param region The stack's. */
function declaredIn(config: Readonly<Record<string, unknown>>, region: string): Declared {
  const service = config["settlement:service"] as { public?: unknown } | undefined;
  const deployer = text(config["settlement:deployer"]);
  const domain = text((config["settlement:frontend"] as { domain?: unknown } | undefined)?.domain);
  const { replica } = (config["settlement:database"] ?? {}) as { replica?: Record<string, unknown> };
  const primary = replica?.promoted === true ? text(replica.region) : undefined;
  return {
    public: service?.public === true,
    ...(deployer !== undefined && { deployer }),
    network: config["settlement:network"] !== undefined,
    ...(domain !== undefined && {
      frontend: { domain, region: primary ?? region, underway: replica?.underway === true },
    }),
  };
}

/** The stack's configuration; for `local` from the engine's copy, which has the embedded cloud's endpoints. */
function stackConfig(stack: string, root: string): Readonly<Record<string, unknown>> {
  const folder = stack === "local" ? privateFolder(localFolder(root)).workDir : root;
  if (!existsSync(stackPath(stack, folder))) {
    if (stack === "local") throw new CannotInspect("The local stack does not exist yet: run `npm start`.");
    throw new UsageError(noStack(stack, folder));
  }
  return readStackFile(stack, folder).config ?? {};
}

/** The folder of the socket that the running embedded cloud has opened; undefined if it could not. */
function heldSocket(root: string): string | undefined {
  const folder = socketFolder(localFolder(root));
  return existsSync(folder) ? folder : undefined;
}

/** The token of the embedded cloud's owner, unless the environment has another. */
function localToken(root: string): Promise<string> {
  const { GOOGLE_OAUTH_ACCESS_TOKEN: given = "" } = process.env;
  return Promise.resolve(given === "" ? readFileSync(privateFolder(localFolder(root)).ownerToken, "utf8") : given);
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
