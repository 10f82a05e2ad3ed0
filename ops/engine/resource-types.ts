import type { Question } from "../google/reader.ts";

/** A resource's inputs that are strings. */
export type Inputs = Readonly<Record<string, string | undefined>>;

/** A Google API collection in which a resource is found by its inputs. */
export interface Listing extends Pick<Question, "api" | "role"> {
  /** Path with input names, such as `{secret}/versions`. Its last part is the key of the response's list. */
  readonly collection: string;
  /** Whether an item of the list is the resource with these inputs. */
  readonly matches: (item: Readonly<Record<string, unknown>>, inputs: Inputs) => boolean;
}

/** What the commands know about a type of resource. */
export interface ResourceType {
  /** The smallest predefined role with which the deployer creates, changes and deletes it; none outside Google Cloud. */
  readonly deployer?: string;
  /** The role with which the previewer reads it, if `roles/viewer` does not suffice. */
  readonly previewer?: string;
  /** The data lost with the resource, as the object of "this loses"; none if it holds no data. */
  readonly data?: string;
  /** How to find an interrupted creation: by its id if derived from inputs, else in a list; `repeatable` if safe to redo. */
  readonly lookup: { readonly id: string } | { readonly list: Listing } | "repeatable";
}

const serviceUsage = { deployer: "roles/serviceusage.serviceUsageAdmin", lookup: "repeatable" } as const;
const projectPolicy = { deployer: "roles/resourcemanager.projectIamAdmin", lookup: "repeatable" } as const;
const sql = { deployer: "roles/cloudsql.admin" } as const;
const secretManager = { deployer: "roles/secretmanager.admin" } as const;
const storage = { deployer: "roles/storage.admin" } as const;
const run = { deployer: "roles/run.admin" } as const;
const network = { deployer: "roles/compute.networkAdmin" } as const;
const balancer = { deployer: "roles/compute.loadBalancerAdmin" } as const;
const random = { data: "the generated value, which names or unlocks other resources", lookup: "repeatable" } as const;

/** A part of the load balancer. */
function globalPart(collection: string): ResourceType {
  return { ...balancer, lookup: { id: `projects/{project}/global/${collection}/{name}` } };
}

/** @param title Reads the title from the inputs; Google's names of these resources are numbers. */
function monitoring(collection: string, title = ({ displayName }: Inputs): unknown => displayName): ResourceType {
  return {
    deployer: "roles/monitoring.editor",
    lookup: {
      list: {
        api: "monitoring",
        collection,
        role: "roles/monitoring.viewer",
        matches: ({ displayName }, inputs) => displayName === title(inputs),
      },
    },
  };
}

/**
 * Every type that the program declares, by the engine's token; the identities' roles, the guard and the recovery of
 * interrupted updates are derived from it. A test compares it with the program.
 */
export const RESOURCE_TYPES: Readonly<Record<string, ResourceType>> = {
  "gcp:projects/service:Service": serviceUsage,
  "gcp:projects/serviceIdentity:ServiceIdentity": serviceUsage,
  "gcp:projects/iAMMember:IAMMember": projectPolicy,
  "gcp:projects/iAMAuditConfig:IAMAuditConfig": projectPolicy,
  "gcp:sql/databaseInstance:DatabaseInstance": {
    ...sql,
    data: "every database on the instance, and its automatic backups",
    lookup: { id: "projects/{project}/instances/{name}" },
  },
  "gcp:sql/database:Database": {
    ...sql,
    data: "every table in the database",
    lookup: { id: "projects/{project}/instances/{instance}/databases/{name}" },
  },
  "gcp:sql/user:User": {
    ...sql,
    data: "the login, and the access of every client that uses it",
    lookup: { id: "{name}//{instance}" },
  },
  "gcp:secretmanager/secret:Secret": {
    ...secretManager,
    data: "every version of the secret",
    lookup: { id: "projects/{project}/secrets/{secretId}" },
  },
  "gcp:secretmanager/secretVersion:SecretVersion": {
    ...secretManager,
    previewer: "roles/secretmanager.secretAccessor",
    data: "the value of this version",
    lookup: {
      list: {
        api: "secretManager",
        collection: "{secret}/versions",
        role: "roles/secretmanager.viewer",
        matches: ({ state }) => state === "ENABLED",
      },
    },
  },
  "gcp:secretmanager/secretIamMember:SecretIamMember": { ...secretManager, lookup: "repeatable" },
  "gcp:storage/bucket:Bucket": {
    ...storage,
    // A new bucket's default policy lets project viewers read it, but can be changed.
    previewer: "roles/storage.bucketViewer",
    data: "every object in the bucket",
    lookup: { id: "{name}" },
  },
  "gcp:storage/bucketObject:BucketObject": {
    ...storage,
    previewer: "roles/storage.objectViewer",
    data: "the object",
    lookup: "repeatable",
  },
  "gcp:storage/bucketIAMMember:BucketIAMMember": { ...storage, lookup: "repeatable" },
  "gcp:cloudrunv2/service:Service": {
    ...run,
    lookup: { id: "projects/{project}/locations/{location}/services/{name}" },
  },
  "gcp:cloudrunv2/serviceIamMember:ServiceIamMember": { ...run, lookup: "repeatable" },
  "gcp:cloudrunv2/job:Job": { ...run, lookup: { id: "projects/{project}/locations/{location}/jobs/{name}" } },
  "gcp:monitoring/alertPolicy:AlertPolicy": monitoring("v3/projects/{project}/alertPolicies"),
  "gcp:monitoring/dashboard:Dashboard": monitoring(
    "v1/projects/{project}/dashboards",
    ({ dashboardJson = "{}" }) => (JSON.parse(dashboardJson) as { displayName?: unknown }).displayName,
  ),
  "gcp:monitoring/notificationChannel:NotificationChannel": monitoring("v3/projects/{project}/notificationChannels"),
  "gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig": monitoring("v3/projects/{project}/uptimeCheckConfigs"),
  "gcp:compute/network:Network": { ...network, lookup: { id: "projects/{project}/global/networks/{name}" } },
  "gcp:compute/subnetwork:Subnetwork": {
    ...network,
    lookup: { id: "projects/{project}/regions/{region}/subnetworks/{name}" },
  },
  "gcp:compute/globalAddress:GlobalAddress": {
    ...network,
    lookup: { id: "projects/{project}/global/addresses/{name}" },
  },
  "gcp:compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup": {
    ...balancer,
    lookup: { id: "projects/{project}/regions/{region}/networkEndpointGroups/{name}" },
  },
  "gcp:compute/backendService:BackendService": globalPart("backendServices"),
  "gcp:compute/uRLMap:URLMap": globalPart("urlMaps"),
  "gcp:compute/managedSslCertificate:ManagedSslCertificate": globalPart("sslCertificates"),
  "gcp:compute/sSLPolicy:SSLPolicy": globalPart("sslPolicies"),
  "gcp:compute/targetHttpsProxy:TargetHttpsProxy": globalPart("targetHttpsProxies"),
  "gcp:compute/globalForwardingRule:GlobalForwardingRule": globalPart("forwardingRules"),
  "gcp:servicenetworking/connection:Connection": { ...network, lookup: "repeatable" },
  "gcp:serviceaccount/account:Account": {
    deployer: "roles/iam.serviceAccountCreator",
    lookup: { id: "projects/{project}/serviceAccounts/{accountId}@{project}.iam.gserviceaccount.com" },
  },
  "random:index/randomId:RandomId": random,
  "random:index/randomPassword:RandomPassword": random,
  "pulumi-nodejs:dynamic/settlement:ImportedSchema": { lookup: "repeatable" },
};

/** A type as the program writes it: `gcp.sql.User` for `gcp:sql/user:User`, `random.RandomId` for `random:index/randomId:RandomId`. */
export function typeName(token: string): string {
  const [plugin = "", module = "", name = ""] = token.split(":");
  const part = module.split("/")[0];
  if (part === "dynamic") return `${module.split("/")[1] ?? plugin}.${name}`;
  return part === "index" || part === undefined ? `${plugin}.${name}` : `${plugin}.${part}.${name}`;
}
