const VIEWER = [
  "cloudkms.cryptoKeys.get|list",
  "cloudkms.keyRings.get|list",
  "cloudsql.backupRuns.get|list",
  "cloudsql.databases.get|list",
  "cloudsql.instances.get|list",
  "cloudsql.users.list",
  "iam.serviceAccounts.get|list",
  "iam.workloadIdentityPoolProviders.get",
  "iam.workloadIdentityPools.get|list",
  "logging.logEntries.list",
  "monitoring.alertPolicies.get|list",
  "monitoring.dashboards.get|list",
  "monitoring.notificationChannels.get|list",
  "monitoring.timeSeries.list",
  "monitoring.uptimeCheckConfigs.get|list",
  "resourcemanager.projects.get",
  "run.jobs.get|list",
  "run.operations.get",
  "run.revisions.get|list",
  "run.services.get|list",
  "secretmanager.secrets.get|list",
  "secretmanager.versions.get|list",
  "serviceusage.services.get|list",
  "storage.buckets.list",
];

/** Managing service accounts, but neither impersonating one nor letting others do so. */
const SERVICE_ACCOUNTS = ["iam.serviceAccounts.create|delete|disable|enable|update"];

/** Deploying to Cloud Run, but not granting access. */
const RUN = [
  "run.executions.*",
  "run.jobs.create|delete|get|getIamPolicy|list|run|update",
  "run.operations.*",
  "run.revisions.*",
  "run.services.create|delete|get|getIamPolicy|list|update",
];

const CLOUD_SQL_VIEWER = VIEWER.filter((permission) => permission.startsWith("cloudsql."));

/**
 * The permissions of the predefined roles that the embedded cloud checks. `a.get|list` stands for `a.get` and `a.list`, a
 * trailing `*` for every permission with that prefix. Source: https://cloud.google.com/iam/docs/roles-permissions
 */
const ROLES: Record<string, readonly string[]> = {
  "roles/owner": ["*"],
  // Everything except policies and the payload of secrets.
  "roles/editor": [
    ...VIEWER,
    "cloudsql.*",
    ...SERVICE_ACCOUNTS,
    "iam.serviceAccounts.actAs",
    "logging.logEntries.create",
    "monitoring.*",
    ...RUN,
    "run.routes.invoke",
    "secretmanager.secrets.create|delete|update",
    "secretmanager.versions.add|destroy|disable|enable",
    "serviceusage.*",
    "storage.buckets.create|delete",
    // On Google, by default bindings of every bucket; buckets here have none.
    "storage.buckets.get|update",
    "storage.objects.*",
  ],
  "roles/viewer": VIEWER,
  "roles/browser": ["resourcemanager.projects.get|getIamPolicy"],
  "roles/iam.securityReviewer": [
    "cloudkms.cryptoKeys.getIamPolicy",
    "cloudkms.keyRings.getIamPolicy",
    "iam.serviceAccounts.getIamPolicy",
    "resourcemanager.projects.getIamPolicy",
    "run.jobs.getIamPolicy",
    "run.services.getIamPolicy",
    "secretmanager.secrets.getIamPolicy",
    "storage.buckets.getIamPolicy",
  ],
  "roles/iam.serviceAccountAdmin": [...SERVICE_ACCOUNTS, "iam.serviceAccounts.get|getIamPolicy|list|setIamPolicy"],
  "roles/iam.serviceAccountOpenIdTokenCreator": ["iam.serviceAccounts.getOpenIdToken"],
  "roles/iam.serviceAccountCreator": ["iam.serviceAccounts.create|get|list"],
  "roles/iam.serviceAccountTokenCreator": ["iam.serviceAccounts.get|getAccessToken|getOpenIdToken"],
  "roles/iam.serviceAccountUser": ["iam.serviceAccounts.actAs|get"],
  "roles/iam.workloadIdentityUser": ["iam.serviceAccounts.get|getAccessToken|getOpenIdToken"],
  "roles/iam.workloadIdentityPoolAdmin": ["iam.workloadIdentityPoolProviders.*", "iam.workloadIdentityPools.*"],
  "roles/compute.networkAdmin": [
    "compute.globalAddresses.*",
    "compute.globalOperations.*",
    "compute.networks.*",
    "compute.regionOperations.*",
    "compute.subnetworks.*",
    "servicenetworking.services.*",
  ],
  "roles/resourcemanager.projectIamAdmin": ["resourcemanager.projects.get|getIamPolicy|setIamPolicy"],
  "roles/serviceusage.serviceUsageAdmin": ["serviceusage.*"],
  "roles/serviceusage.serviceUsageConsumer": ["serviceusage.services.get|list"],
  "roles/serviceusage.serviceUsageViewer": ["serviceusage.services.get|list"],
  "roles/cloudsql.admin": ["cloudsql.*"],
  "roles/cloudsql.client": ["cloudsql.instances.connect|get"],
  "roles/cloudsql.editor": [
    ...CLOUD_SQL_VIEWER,
    "cloudsql.backupRuns.create",
    "cloudsql.databases.create|update",
    "cloudsql.instances.connect|export|restart|update",
  ],
  "roles/cloudsql.instanceUser": ["cloudsql.instances.get|login"],
  "roles/cloudsql.viewer": CLOUD_SQL_VIEWER,
  "roles/secretmanager.admin": ["secretmanager.*"],
  "roles/secretmanager.secretAccessor": ["secretmanager.versions.access"],
  "roles/secretmanager.secretVersionAdder": ["secretmanager.versions.add"],
  "roles/secretmanager.secretVersionManager": ["secretmanager.versions.add|destroy|disable|enable|get|list"],
  "roles/secretmanager.viewer": ["secretmanager.secrets.get|getIamPolicy|list", "secretmanager.versions.get|list"],
  "roles/storage.admin": ["storage.*"],
  "roles/storage.bucketViewer": ["storage.buckets.get|list"],
  "roles/storage.legacyBucketOwner": [
    "storage.buckets.get|getIamPolicy|setIamPolicy|update",
    "storage.objects.create|delete|list",
  ],
  "roles/storage.legacyBucketReader": ["storage.buckets.get", "storage.objects.list"],
  "roles/storage.legacyBucketWriter": ["storage.buckets.get", "storage.objects.create|delete|list"],
  "roles/storage.legacyObjectOwner": ["storage.objects.get|update"],
  "roles/storage.legacyObjectReader": ["storage.objects.get"],
  "roles/storage.objectAdmin": ["storage.objects.*"],
  "roles/storage.objectCreator": ["storage.objects.create"],
  "roles/storage.objectUser": ["storage.objects.create|delete|get|list|update"],
  "roles/storage.objectViewer": ["storage.objects.get|list"],
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
  // Roles of services that the embedded cloud lacks can be granted, too.
  "roles/artifactregistry.reader": ["artifactregistry.repositories.downloadArtifacts"],
  "roles/artifactregistry.writer": ["artifactregistry.repositories.uploadArtifacts"],
  "roles/cloudbuild.builds.builder": ["cloudbuild.builds.create"],
  "roles/cloudbuild.builds.editor": ["cloudbuild.builds.create"],
  "roles/cloudkms.admin": ["cloudkms.cryptoKeys.*", "cloudkms.keyRings.*"],
  "roles/cloudkms.cryptoKeyDecrypter": ["cloudkms.cryptoKeyVersions.useToDecrypt"],
  "roles/cloudkms.cryptoKeyEncrypter": ["cloudkms.cryptoKeyVersions.useToEncrypt"],
  "roles/cloudkms.cryptoKeyEncrypterDecrypter": ["cloudkms.cryptoKeyVersions.useToDecrypt|useToEncrypt"],
  "roles/cloudtrace.agent": ["cloudtrace.traces.patch"],
};

/** Whether a role includes a permission; unknown roles include none. */
export function roleAllows(role: string, permission: string): boolean {
  const patterns = roleExists(role) ? ROLES[role] : undefined;
  const verb = permission.lastIndexOf(".") + 1;
  return (patterns ?? []).some((pattern) =>
    pattern.endsWith("*")
      ? permission.startsWith(pattern.slice(0, -1))
      : pattern.startsWith(permission.slice(0, verb)) &&
        pattern.slice(verb).split("|").includes(permission.slice(verb)),
  );
}

/** Whether the embedded cloud knows the role. */
export function roleExists(role: string): boolean {
  return Object.hasOwn(ROLES, role);
}
