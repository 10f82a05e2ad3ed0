/** The Google APIs the stack uses, without `.googleapis.com`. */
export const APIS = [
  "cloudresourcemanager", // reading and changing the project's IAM policy
  "iam", // the service account
  "logging", // the nightly doctor's log, and alerts on logs
  "monitoring", // alert policies, the uptime check and the dashboard
  "run", // the service
  "secretmanager", // both secrets
  "sqladmin", // the instance, database, user, backups and imports
  "storage", // the migrations bucket
] as const;

/** The Google APIs that a stack with a private network uses besides, without `.googleapis.com`. */
export const NETWORK_APIS = [
  "compute", // the network
  "servicenetworking", // its peering with Google's services
] as const;

/** The Google API that a stack with a load balancer uses besides, without `.googleapis.com`. */
export const FRONTEND_APIS = [
  "compute", // the load balancer
] as const;
