import type * as gcp from "@pulumi/gcp";
import type { OutputInstance } from "@pulumi/pulumi";
import type { RandomPassword } from "@pulumi/random";

/** The resource types that rules read, with the properties that the provider declares. */
export interface Types {
  "gcp:cloudrun/service:Service": Properties<gcp.cloudrun.Service>;
  "gcp:cloudrunv2/job:Job": Properties<gcp.cloudrunv2.Job>;
  "gcp:cloudrunv2/service:Service": Properties<gcp.cloudrunv2.Service>;
  "gcp:cloudrunv2/workerPool:WorkerPool": Properties<gcp.cloudrunv2.WorkerPool>;
  "gcp:compute/network:Network": Properties<gcp.compute.Network>;
  "gcp:compute/regionSslPolicy:RegionSslPolicy": Properties<gcp.compute.RegionSslPolicy>;
  "gcp:compute/regionTargetHttpsProxy:RegionTargetHttpsProxy": Properties<gcp.compute.RegionTargetHttpsProxy>;
  "gcp:compute/sSLPolicy:SSLPolicy": Properties<gcp.compute.SSLPolicy>;
  "gcp:compute/subnetwork:Subnetwork": Properties<gcp.compute.Subnetwork>;
  "gcp:compute/targetHttpsProxy:TargetHttpsProxy": Properties<gcp.compute.TargetHttpsProxy>;
  "gcp:compute/targetSSLProxy:TargetSSLProxy": Properties<gcp.compute.TargetSSLProxy>;
  "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider": Properties<gcp.iam.WorkloadIdentityPoolProvider>;
  "gcp:organizations/iAMCustomRole:IAMCustomRole": Properties<gcp.organizations.IAMCustomRole>;
  "gcp:projects/iAMCustomRole:IAMCustomRole": Properties<gcp.projects.IAMCustomRole>;
  "gcp:secretmanager/regionalSecret:RegionalSecret": Properties<gcp.secretmanager.RegionalSecret>;
  "gcp:secretmanager/regionalSecretVersion:RegionalSecretVersion": Properties<gcp.secretmanager.RegionalSecretVersion>;
  "gcp:secretmanager/secret:Secret": Properties<gcp.secretmanager.Secret>;
  "gcp:secretmanager/secretVersion:SecretVersion": Properties<gcp.secretmanager.SecretVersion>;
  "gcp:serviceaccount/account:Account": Properties<gcp.serviceaccount.Account>;
  "gcp:serviceaccount/key:Key": Properties<gcp.serviceaccount.Key>;
  "gcp:sql/database:Database": Properties<gcp.sql.Database>;
  "gcp:sql/databaseInstance:DatabaseInstance": Properties<gcp.sql.DatabaseInstance>;
  "gcp:sql/user:User": Properties<gcp.sql.User>;
  "gcp:storage/bucket:Bucket": Properties<gcp.storage.Bucket>;
  "gcp:vpcaccess/connector:Connector": Properties<gcp.vpcaccess.Connector>;
  "random:index/randomPassword:RandomPassword": Properties<RandomPassword>;
  /** The import of the migrations, declared by `infra`. */
  "pulumi-nodejs:dynamic/settlement:ImportedSchema": Record<string, unknown>;
}

type Properties<Class> = {
  [P in keyof Class as Class[P] extends OutputInstance<unknown> ? P : never]: Class[P] extends OutputInstance<
    infer Value
  >
    ? Value
    : never;
};

/**
 * The paths into a type, such as `settings.ipConfiguration.ipv4Enabled`, with `*` for every element of a list: a misspelt
 * path does not compile. Any string if the type is unknown.
 */
export type Path<Shape> = unknown extends Shape
  ? string
  : Shape extends readonly (infer Item)[]
    ? "*" | `*.${Path<Item>}`
    : Shape extends object
      ? { [P in keyof Shape & string]: P | `${P}.${Path<NonNullable<Shape[P]>>}` }[keyof Shape & string]
      : never;
