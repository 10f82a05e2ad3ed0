const VIEWER = [
  "cloudsql.backupRuns.get",
  "cloudsql.backupRuns.list",
  "cloudsql.databases.get",
  "cloudsql.databases.list",
  "cloudsql.instances.get",
  "cloudsql.instances.list",
  "cloudsql.users.list",
  "iam.serviceAccounts.get",
  "iam.serviceAccounts.list",
  "logging.logEntries.list",
  "monitoring.alertPolicies.get",
  "monitoring.alertPolicies.list",
  "monitoring.dashboards.get",
  "monitoring.dashboards.list",
  "monitoring.notificationChannels.get",
  "monitoring.notificationChannels.list",
  "monitoring.uptimeCheckConfigs.get",
  "monitoring.uptimeCheckConfigs.list",
  "resourcemanager.projects.get",
  "run.jobs.get",
  "run.jobs.list",
  "run.operations.get",
  "run.revisions.get",
  "run.revisions.list",
  "run.services.get",
  "run.services.list",
  "secretmanager.secrets.get",
  "secretmanager.secrets.list",
  "secretmanager.versions.get",
  "secretmanager.versions.list",
  "serviceusage.services.get",
  "serviceusage.services.list",
  "storage.buckets.list",
];

/** Making and changing service accounts, but neither acting as one nor letting others do so. */
const SERVICE_ACCOUNTS = [
  "iam.serviceAccounts.create",
  "iam.serviceAccounts.delete",
  "iam.serviceAccounts.disable",
  "iam.serviceAccounts.enable",
  "iam.serviceAccounts.update",
];

/** Deploying to Cloud Run, but not letting others in. */
const RUN = [
  "run.executions.*",
  "run.jobs.create",
  "run.jobs.delete",
  "run.jobs.get",
  "run.jobs.getIamPolicy",
  "run.jobs.list",
  "run.jobs.run",
  "run.jobs.update",
  "run.operations.*",
  "run.revisions.*",
  "run.services.create",
  "run.services.delete",
  "run.services.get",
  "run.services.getIamPolicy",
  "run.services.list",
  "run.services.update",
];

const CLOUD_SQL_VIEWER = VIEWER.filter((permission) => permission.startsWith("cloudsql."));

/**
 * What the predefined roles allow, as far as the embedded cloud asks for it. A trailing `*` stands for every permission
 * that begins so. Source: https://cloud.google.com/iam/docs/roles-permissions
 */
const ROLES: Record<string, readonly string[]> = {
  "roles/owner": ["*"],
  // Everything but policies and what is inside secrets.
  "roles/editor": [
    ...VIEWER,
    "cloudsql.*",
    ...SERVICE_ACCOUNTS,
    "iam.serviceAccounts.actAs",
    "logging.logEntries.create",
    "monitoring.*",
    ...RUN,
    "run.routes.invoke",
    "secretmanager.secrets.create",
    "secretmanager.secrets.delete",
    "secretmanager.secrets.update",
    "secretmanager.versions.add",
    "secretmanager.versions.destroy",
    "secretmanager.versions.disable",
    "secretmanager.versions.enable",
    "serviceusage.*",
    "storage.buckets.create",
    "storage.buckets.delete",
    // At Google by way of the bindings that every bucket begins with; here they are not in its policy.
    "storage.buckets.get",
    "storage.buckets.update",
    "storage.objects.*",
  ],
  "roles/viewer": VIEWER,
  "roles/browser": ["resourcemanager.projects.get", "resourcemanager.projects.getIamPolicy"],
  "roles/iam.securityReviewer": [
    "iam.serviceAccounts.getIamPolicy",
    "resourcemanager.projects.getIamPolicy",
    "run.jobs.getIamPolicy",
    "run.services.getIamPolicy",
    "secretmanager.secrets.getIamPolicy",
    "storage.buckets.getIamPolicy",
  ],
  "roles/iam.serviceAccountAdmin": [
    ...SERVICE_ACCOUNTS,
    "iam.serviceAccounts.get",
    "iam.serviceAccounts.getIamPolicy",
    "iam.serviceAccounts.list",
    "iam.serviceAccounts.setIamPolicy",
  ],
  "roles/iam.serviceAccountOpenIdTokenCreator": ["iam.serviceAccounts.getOpenIdToken"],
  "roles/iam.serviceAccountTokenCreator": [
    "iam.serviceAccounts.get",
    "iam.serviceAccounts.getAccessToken",
    "iam.serviceAccounts.getOpenIdToken",
  ],
  "roles/iam.serviceAccountUser": ["iam.serviceAccounts.actAs", "iam.serviceAccounts.get"],
  "roles/iam.workloadIdentityUser": [
    "iam.serviceAccounts.get",
    "iam.serviceAccounts.getAccessToken",
    "iam.serviceAccounts.getOpenIdToken",
  ],
  "roles/resourcemanager.projectIamAdmin": [
    "resourcemanager.projects.get",
    "resourcemanager.projects.getIamPolicy",
    "resourcemanager.projects.setIamPolicy",
  ],
  "roles/serviceusage.serviceUsageAdmin": ["serviceusage.*"],
  "roles/serviceusage.serviceUsageConsumer": ["serviceusage.services.get", "serviceusage.services.list"],
  "roles/serviceusage.serviceUsageViewer": ["serviceusage.services.get", "serviceusage.services.list"],
  "roles/cloudsql.admin": ["cloudsql.*"],
  "roles/cloudsql.client": ["cloudsql.instances.connect", "cloudsql.instances.get"],
  "roles/cloudsql.editor": [
    ...CLOUD_SQL_VIEWER,
    "cloudsql.backupRuns.create",
    "cloudsql.databases.create",
    "cloudsql.databases.update",
    "cloudsql.instances.connect",
    "cloudsql.instances.export",
    "cloudsql.instances.restart",
    "cloudsql.instances.update",
  ],
  "roles/cloudsql.instanceUser": ["cloudsql.instances.get", "cloudsql.instances.login"],
  "roles/cloudsql.viewer": CLOUD_SQL_VIEWER,
  "roles/secretmanager.admin": ["secretmanager.*"],
  "roles/secretmanager.secretAccessor": ["secretmanager.versions.access"],
  "roles/secretmanager.secretVersionAdder": ["secretmanager.versions.add"],
  "roles/secretmanager.secretVersionManager": [
    "secretmanager.versions.add",
    "secretmanager.versions.destroy",
    "secretmanager.versions.disable",
    "secretmanager.versions.enable",
    "secretmanager.versions.get",
    "secretmanager.versions.list",
  ],
  "roles/secretmanager.viewer": [
    "secretmanager.secrets.get",
    "secretmanager.secrets.getIamPolicy",
    "secretmanager.secrets.list",
    "secretmanager.versions.get",
    "secretmanager.versions.list",
  ],
  "roles/storage.admin": ["storage.*"],
  "roles/storage.bucketViewer": ["storage.buckets.get", "storage.buckets.list"],
  "roles/storage.legacyBucketOwner": [
    "storage.buckets.get",
    "storage.buckets.getIamPolicy",
    "storage.buckets.setIamPolicy",
    "storage.buckets.update",
    "storage.objects.create",
    "storage.objects.delete",
    "storage.objects.list",
  ],
  "roles/storage.legacyBucketReader": ["storage.buckets.get", "storage.objects.list"],
  "roles/storage.legacyBucketWriter": [
    "storage.buckets.get",
    "storage.objects.create",
    "storage.objects.delete",
    "storage.objects.list",
  ],
  "roles/storage.legacyObjectOwner": ["storage.objects.get", "storage.objects.update"],
  "roles/storage.legacyObjectReader": ["storage.objects.get"],
  "roles/storage.objectAdmin": ["storage.objects.*"],
  "roles/storage.objectCreator": ["storage.objects.create"],
  "roles/storage.objectUser": [
    "storage.objects.create",
    "storage.objects.delete",
    "storage.objects.get",
    "storage.objects.list",
    "storage.objects.update",
  ],
  "roles/storage.objectViewer": ["storage.objects.get", "storage.objects.list"],
  "roles/run.admin": ["run.*"],
  "roles/run.developer": RUN,
  "roles/run.invoker": ["run.routes.invoke", "run.jobs.run"],
  "roles/run.viewer": VIEWER.filter((permission) => permission.startsWith("run.")),
  "roles/monitoring.admin": ["monitoring.*"],
  "roles/monitoring.alertPolicyEditor": ["monitoring.alertPolicies.*"],
  "roles/monitoring.editor": ["monitoring.*"],
  "roles/monitoring.metricWriter": ["monitoring.timeSeries.create"],
  "roles/monitoring.notificationChannelEditor": ["monitoring.notificationChannels.*"],
  "roles/monitoring.viewer": VIEWER.filter((permission) => permission.startsWith("monitoring.")),
  "roles/logging.logWriter": ["logging.logEntries.create"],
  "roles/logging.viewer": ["logging.logEntries.list"],
  // Of services that are not here: such roles can be granted, and nothing asks for them.
  "roles/artifactregistry.reader": ["artifactregistry.repositories.downloadArtifacts"],
  "roles/artifactregistry.writer": ["artifactregistry.repositories.uploadArtifacts"],
  "roles/cloudbuild.builds.builder": ["cloudbuild.builds.create"],
  "roles/cloudbuild.builds.editor": ["cloudbuild.builds.create"],
  "roles/cloudkms.cryptoKeyEncrypterDecrypter": [
    "cloudkms.cryptoKeyVersions.useToDecrypt",
    "cloudkms.cryptoKeyVersions.useToEncrypt",
  ],
  "roles/cloudtrace.agent": ["cloudtrace.traces.patch"],
};

/** Whether a role holds a permission; a role that is not in the table holds none. */
export function roleAllows(role: string, permission: string): boolean {
  const permissions = roleExists(role) ? ROLES[role] : undefined;
  return (permissions ?? []).some((held) =>
    held.endsWith("*") ? permission.startsWith(held.slice(0, -1)) : held === permission,
  );
}

/** Whether the role exists, as far as the embedded cloud knows. */
export function roleExists(role: string): boolean {
  return Object.hasOwn(ROLES, role);
}
