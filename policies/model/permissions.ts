/** Permissions to act as a service account, or to create a credential for it. */
export const IMPERSONATING = [
  "iam.serviceAccounts.actAs",
  "iam.serviceAccounts.getAccessToken",
  "iam.serviceAccounts.getOpenIdToken",
  "iam.serviceAccounts.implicitDelegation",
  "iam.serviceAccounts.setIamPolicy",
  "iam.serviceAccounts.signBlob",
  "iam.serviceAccounts.signJwt",
  "iam.serviceAccountKeys.create",
];

/** Permissions that reach further than the resource: who may do what, and what holds or runs everything else. */
export const ADMINISTRATIVE = [
  // Code that runs with more rights than the role's own.
  "cloudbuild.builds.create",
  "compute.instances.osAdminLogin",
  "compute.instances.setMetadata",
  "deploymentmanager.deployments.create",
  // Access.
  "iam.googleapis.com/workloadIdentityPoolProviders.update",
  "iam.roles.update",
  "orgpolicy.policy.set",
  "setIamPolicy",
  "storage.hmacKeys.create",
  // What holds data.
  "cloudsql.instances.update",
  "cloudsql.users.update",
  "resourcemanager.projects.delete",
  "secretmanager.secrets.delete",
  "storage.buckets.delete",
];

/** Whether a permission is the given one; `setIamPolicy` is that of anything but single objects, whose access lists are off. */
export function isPermission(held: string, permission: string): boolean {
  if (permission !== "setIamPolicy") return held === permission;
  return held.endsWith(".setIamPolicy") && !/^storage\.(?:objects|managedFolders)\./.test(held);
}
