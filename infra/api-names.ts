/** The Google APIs the stack uses, by what stands before `.googleapis.com`. */
export const APIS = [
  "cloudresourcemanager", // reading and changing the project's IAM policy
  "iam", // the service account
  "logging", // what the nightly doctor writes, and the alerts that read it
  "monitoring", // alert policies, the uptime check and the dashboard
  "run", // the service
  "secretmanager", // both secrets
  "sqladmin", // the instance, database, user, backups and imports
  "storage", // the migrations bucket
] as const;
