/** What a service cannot start without: its APIs, account and instance. */
export const PARTS = ["apis", "account", "disk", "instance", "service"];

/** What stands between a service and its database. */
export const CREDENTIAL = [
  "destruction",
  "secret",
  "database-url",
  "accessor",
  "client",
  "connection-name",
  "network-path",
  "connection-string",
  "user",
  "database",
  "pinned-version",
  "connections",
  "login",
];
