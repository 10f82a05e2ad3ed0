/**
 * What the predefined roles allow, as far as the embedded cloud asks for it. A trailing `*` stands for every permission
 * that begins so. Source: https://cloud.google.com/iam/docs/roles-permissions
 */
const ROLES: Record<string, readonly string[]> = {
  "roles/owner": ["*"],
  "roles/editor": [
    "cloudsql.*",
    "run.*",
    "storage.buckets.*",
    "monitoring.*",
    "serviceusage.*",
    "secretmanager.secrets.*",
  ],
  "roles/viewer": [
    "cloudsql.instances.get",
    "cloudsql.instances.list",
    "cloudsql.databases.get",
    "cloudsql.databases.list",
    "cloudsql.users.list",
    "cloudsql.backupRuns.get",
    "cloudsql.backupRuns.list",
    "run.services.get",
    "run.services.list",
    "run.revisions.get",
    "run.revisions.list",
    "run.jobs.get",
    "run.jobs.list",
    "run.operations.get",
    "secretmanager.secrets.get",
    "secretmanager.secrets.list",
    "secretmanager.versions.get",
    "secretmanager.versions.list",
    "storage.buckets.list",
    "iam.serviceAccounts.get",
    "iam.serviceAccounts.list",
    "resourcemanager.projects.get",
    "serviceusage.services.get",
    "serviceusage.services.list",
    "monitoring.alertPolicies.get",
    "monitoring.alertPolicies.list",
    "monitoring.notificationChannels.get",
    "monitoring.notificationChannels.list",
  ],
  "roles/iam.securityReviewer": [
    "resourcemanager.projects.getIamPolicy",
    "secretmanager.secrets.getIamPolicy",
    "storage.buckets.getIamPolicy",
    "run.services.getIamPolicy",
    "run.jobs.getIamPolicy",
    "iam.serviceAccounts.getIamPolicy",
  ],
  "roles/cloudsql.client": ["cloudsql.instances.connect", "cloudsql.instances.get"],
  "roles/cloudsql.admin": ["cloudsql.*"],
  "roles/cloudsql.viewer": [
    "cloudsql.instances.get",
    "cloudsql.instances.list",
    "cloudsql.databases.get",
    "cloudsql.databases.list",
    "cloudsql.users.list",
    "cloudsql.backupRuns.get",
    "cloudsql.backupRuns.list",
  ],
  "roles/secretmanager.secretAccessor": ["secretmanager.versions.access"],
  "roles/secretmanager.admin": ["secretmanager.*"],
  "roles/storage.objectViewer": ["storage.objects.get", "storage.objects.list"],
  "roles/storage.objectAdmin": ["storage.objects.*"],
  "roles/storage.admin": ["storage.*"],
  "roles/run.invoker": ["run.routes.invoke", "run.jobs.run"],
  "roles/run.admin": ["run.*"],
  "roles/run.developer": ["run.services.*", "run.revisions.*", "run.jobs.*", "run.operations.*"],
  "roles/iam.serviceAccountUser": ["iam.serviceAccounts.actAs", "iam.serviceAccounts.get"],
};

/** Whether a role holds a permission; a role that is not in the table holds none. */
export function roleAllows(role: string, permission: string): boolean {
  return (ROLES[role] ?? []).some((held) =>
    held.endsWith("*") ? permission.startsWith(held.slice(0, -1)) : held === permission,
  );
}

/** Whether the role exists, as far as the embedded cloud knows. */
export function roleExists(role: string): boolean {
  return role in ROLES;
}
