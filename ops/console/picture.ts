import {
  CONNECTION_STRING_SECRET,
  DATABASE,
  LOGINS,
  PASSWORD_SECRET,
  SERVICE,
  SERVICE_ACCOUNT,
} from "../../infra/names.ts";
import type { Health, Part, Schema, Share, System, Wire } from "../../packages/console/data.ts";
import { lastPart } from "../../infra/google.ts";
import type { Binding } from "../google/policy.ts";
import type { Observed, SecretSeen } from "./observed.ts";

type Details = Part["details"];

/**
 * Draws the stack as it is; what the engine's state has but the cloud lacks is an error.
 * @param live The tables as the service sees them, or why it sees none.
 */
export function picture(seen: Observed, live: Pick<Schema, "tables" | "problem">): System {
  const parts = [
    ...passwords(seen),
    ...seen.secrets.map((secret) => secretPart(seen, secret)),
    account(seen),
    ...serviceParts(seen),
    ...sqlParts(seen, live.problem ?? ""),
    bucket(seen),
    schema(seen, live),
    ...monitoring(seen),
  ];
  const ids = new Set(parts.map(({ id }) => id));
  return { parts, wires: wires(seen).filter(({ from, to }) => ids.has(from) && ids.has(to)) };
}

/** The parts of the traffic. */
export function shares({ revisions, service }: Observed): Share[] {
  const statuses = service?.trafficStatuses ?? [];
  return revisions.map((revision) => {
    const name = lastPart(revision.name ?? "");
    const own = statuses.filter((status) => revisionOf(status, service?.latestReadyRevision) === name);
    const tag = own.find((status) => status.tag !== undefined)?.tag;
    const percent = own.reduce((sum, status) => sum + (status.percent ?? 0), 0);
    const { health, says } = readiness(revision);
    return {
      revision: name,
      percent,
      ...(tag !== undefined && { tag }),
      health: health === "ok" && percent === 0 ? "idle" : health,
      says,
    };
  });
}

function revisionOf(status: gapi.client.run.GoogleCloudRunV2TrafficTargetStatus, latest = ""): string {
  return lastPart(status.revision ?? latest);
}

function readiness({ conditions = [] }: gapi.client.run.GoogleCloudRunV2Revision): { health: Health; says: string } {
  const ready = conditions.find(({ type }) => type === "Ready");
  if (ready?.state === "CONDITION_SUCCEEDED") return { health: "ok", says: "ready" };
  if (ready?.state === "CONDITION_FAILED") return { health: "error", says: ready.message ?? "not ready" };
  return { health: "busy", says: "starting" };
}

/** The resource in the engine's state, as details of a part. */
function inState({ declared }: Observed, type: string, name: string): Details {
  const found = declared.find((each) => each.type === type && each.urn.split("::").at(-1) === name);
  if (!found) return [["In the engine's state", "no"]];
  return [
    ["Logical name", name],
    ["Type", type],
    ["Last change by the engine", found.modified ?? ""],
  ];
}

function isDeclared({ declared }: Observed, type: RegExp, name: RegExp): boolean {
  return declared.some((each) => type.test(each.type) && name.test(each.urn.split("::").at(-1) ?? ""));
}

function passwords(seen: Observed): Part[] {
  const current = activeLogin(seen);
  return LOGINS.map((login, index): Part => {
    const name = `settlement-password${index === 0 ? "" : "-b"}`;
    const type = "random:index/randomPassword:RandomPassword";
    const exists = isDeclared(seen, /RandomPassword$/, new RegExp(`^${name}$`));
    return {
      ...{ id: `password:${login}`, kind: "password", title: "Password", subtitle: `of ${login}` },
      ...(exists
        ? { health: current === login ? "ok" : "idle", says: current === login ? "in use" : "standby" }
        : gone("not generated")),
      details: [["Value", "encrypted in the engine's state, shown nowhere"], ...inState(seen, type, name)],
    };
  });
}

function gone(says: string): { health: "error"; says: string } {
  return { health: "error", says };
}

/** The login in the newest connection string. */
function activeLogin({ secrets }: Observed): string | undefined {
  return secrets.find(({ id }) => id === CONNECTION_STRING_SECRET)?.login;
}

function secretPart(seen: Observed, { bindings, exists, id, versions }: SecretSeen): Part {
  const enabled = versions.filter(({ state }) => state === "ENABLED").map(({ number }) => number);
  return {
    ...{ id: `secret:${id}`, kind: "secret", title: id.replace(/^settlement-/, "") },
    subtitle: exists ? `secret, version ${enabled[0] ?? "none"} of ${versions.length}` : "secret",
    ...(!exists
      ? gone("does not exist")
      : enabled.length === 0
        ? gone("no enabled version")
        : { health: "ok", says: "enabled" }),
    details: [
      ["Id", id],
      ...versions.map(
        ({ created, number, state }) => [`Version ${number}`, `${state.toLowerCase()}, created ${created}`] as const,
      ),
      ...bindingDetails(bindings),
      ...inState(seen, "gcp:secretmanager/secret:Secret", id),
    ],
  };
}

function bindingDetails(bindings: readonly Binding[]): Details {
  return bindings.map(({ condition, members = [], role }) => [
    role,
    members.join(", ") + (condition ? ` if ${condition.expression}` : ""),
  ]);
}

function account(seen: Observed): Part {
  return {
    ...{ id: "account", kind: "account", title: "Service account", subtitle: SERVICE_ACCOUNT.accountId },
    ...(seen.account ? { health: "ok", says: "exists" } : gone("does not exist")),
    details: [
      ["Email", seen.account?.email ?? ""],
      ...bindingDetails(seen.projectBindings.filter((binding) => isOfService(seen, binding))),
      ...inState(seen, "gcp:serviceaccount/account:Account", "settlement-account"),
    ],
  };
}

function isOfService({ account: found }: Observed, { members = [] }: Binding): boolean {
  return found !== undefined && members.includes(`serviceAccount:${found.email ?? ""}`);
}

function serviceParts(seen: Observed): Part[] {
  const { revisions, service } = seen;
  const ready = service?.terminalCondition;
  const serving = shares(seen).filter(({ percent }) => percent > 0);
  const health = !service
    ? gone("does not exist")
    : service.reconciling
      ? ({ health: "busy", says: "changing" } as const)
      : ready?.state === "CONDITION_FAILED"
        ? gone(ready.message ?? "not ready")
        : ({ health: "ok", says: "ready" } as const);
  const part: Part = {
    ...{ id: "service", kind: "service", title: SERVICE, subtitle: "Cloud Run", ...health },
    details: [
      ["Address", service?.uri ?? ""],
      ["Image", service?.template?.containers?.[0]?.image ?? ""],
      ["Traffic", serving.map(({ percent, revision }) => `${percent} % to ${revision}`).join(", ")],
      ...bindingDetails(seen.invokers),
      ...inState(seen, "gcp:cloudrunv2/service:Service", "settlement-service"),
    ],
  };
  // Older ones that serve nothing are left out.
  const shown = shares(seen).filter(({ percent, tag }, index) => index === 0 || percent > 0 || tag !== undefined);
  return [
    part,
    ...shown.map(({ health: own, percent, revision, says, tag }): Part => {
      const found = revisions.find(({ name = "" }) => lastPart(name) === revision);
      return {
        ...{
          id: `revision:${revision}`,
          kind: "revision",
          title: `Revision ${revision.replace(`${SERVICE}-`, "")}`,
          parent: "service",
        },
        subtitle: `${percent} % of traffic${tag === undefined ? "" : `, tag ${tag}`}`,
        ...{ health: own, says },
        details: [
          ["Name", revision],
          ["Created", found?.createTime ?? ""],
          ...(found?.containers?.[0]?.env ?? []).map(
            ({ name = "", value, valueSource }) =>
              [
                name,
                value ??
                  `secret ${valueSource?.secretKeyRef?.secret ?? ""}, version ${valueSource?.secretKeyRef?.version ?? ""}`,
              ] as const,
          ),
          ["Runs as", found?.serviceAccount ?? ""],
          [
            "Socket",
            socketsOf(found)
              .map((name) => `/cloudsql/${name}`)
              .join(", "),
          ],
        ],
      };
    }),
  ];
}

function socketsOf(revision: gapi.client.run.GoogleCloudRunV2Revision | undefined): string[] {
  return (revision?.volumes ?? []).flatMap(({ cloudSqlInstance }) => cloudSqlInstance?.instances ?? []);
}

/** @param problem Why the service's login does not work. */
function sqlParts(seen: Observed, problem: string): Part[] {
  const { backups, databases, instance, logins } = seen;
  const state = instance?.state ?? "";
  const part: Part = {
    ...{ id: "instance", kind: "instance", title: "Cloud SQL instance" },
    subtitle: instance?.name ?? "",
    ...(!instance
      ? gone("does not exist")
      : state === "RUNNABLE"
        ? instance.settings?.activationPolicy === "NEVER"
          ? gone("stopped")
          : ({ health: "ok", says: "running" } as const)
        : ({ health: "busy", says: state.toLowerCase() } as const)),
    details: [
      ["Version", (instance?.databaseVersion ?? "").replace("POSTGRES_", "PostgreSQL ")],
      ["Connection name", instance?.connectionName ?? ""],
      ["Machine", instance?.settings?.tier ?? ""],
      ["Availability", (instance?.settings?.availabilityType ?? "").toLowerCase()],
      ["Backups", `${backups.filter(({ status }) => status === "SUCCESSFUL").length} successful`],
      ["Own account", instance?.serviceAccountEmailAddress ?? ""],
      ...inState(seen, "gcp:sql/databaseInstance:DatabaseInstance", "settlement-instance"),
    ],
  };
  const current = activeLogin(seen);
  return [
    part,
    {
      ...{ id: "database", kind: "database", title: DATABASE, subtitle: "database", parent: "instance" },
      ...(databases.includes(DATABASE) ? { health: "ok", says: "exists" } : gone("does not exist")),
      details: inState(seen, "gcp:sql/database:Database", "settlement-database"),
    },
    ...LOGINS.map((login, index): Part => {
      const inUse = login === current;
      return {
        ...{ id: `login:${login}`, kind: "login", title: login, subtitle: "login", parent: "instance" },
        ...(!logins.includes(login)
          ? gone("does not exist")
          : inUse && problem.includes("password authentication failed")
            ? gone("refuses the password")
            : { health: inUse ? "ok" : "idle", says: inUse ? "in use" : "standby" }),
        details: inState(seen, "gcp:sql/user:User", `settlement-user${index === 0 ? "" : "-b"}`),
      };
    }),
  ];
}

function bucket(seen: Observed): Part {
  const scripts = seen.objects.filter((name) => name.startsWith("migrations/")).length;
  return {
    ...{ id: "bucket", kind: "bucket", title: "Migrations bucket" },
    subtitle: `${scripts} migrations`,
    ...(seen.bucket ? { health: "ok", says: "exists" } : gone("does not exist")),
    details: [
      ["Name", seen.bucket?.name ?? ""],
      ["Location", (seen.bucket?.location ?? "").toLowerCase()],
      ["Objects", String(seen.objects.length)],
      ...bindingDetails(seen.bucketBindings),
      ...inState(seen, "gcp:storage/bucket:Bucket", "settlement-migrations"),
    ],
  };
}

function schema(seen: Observed, { problem, tables }: Pick<Schema, "tables" | "problem">): Part {
  const found = seen.schema;
  const version = found?.version ?? "none";
  const isEmpty = problem === undefined && tables.length === 0;
  return {
    ...{ id: "schema", kind: "schema", title: "Schema", subtitle: version },
    ...(!found ? gone("not imported") : isEmpty ? gone("tables are missing") : { health: "ok", says: "imported" }),
    details: [
      ...(found?.migrations ?? []).map(({ file, version: each }) => [file, appliedAt(found?.applied?.[each])] as const),
      ...inState(seen, "pulumi-nodejs:dynamic/settlement:ImportedSchema", "settlement-schema"),
    ],
  };
}

function appliedAt(applied: { readonly at?: string; readonly backup?: string } | undefined): string {
  return applied ? `applied ${applied.at ?? ""}, after backup ${applied.backup ?? "unknown"}` : "applied";
}

function monitoring(seen: Observed): Part[] {
  const { alerts, checks } = seen;
  const on = alerts.filter(({ enabled }) => enabled !== false).length;
  return [
    {
      ...{
        id: "alerts",
        kind: "alert",
        title: "Alert policies",
        subtitle: `${on} of ${alerts.length} enabled`,
      },
      ...(on > 0 ? { health: "ok", says: "enabled" } : gone("none")),
      details: alerts.map(({ displayName = "", severity = "" }) => [displayName, severity.toLowerCase()]),
    },
    {
      ...{ id: "uptime", kind: "uptime", title: "Uptime check", subtitle: checks[0]?.httpCheck?.path ?? "" },
      ...(checks.length > 0 ? { health: "ok", says: `every ${checks[0]?.period ?? ""}` } : gone("does not exist")),
      details: checks.map(({ displayName = "", httpCheck }) => [displayName, `GET ${httpCheck?.path ?? ""}`]),
    },
  ];
}

function wires(seen: Observed): Wire[] {
  const { bucketBindings, instance, projectBindings, revisions, secrets } = seen;
  const current = activeLogin(seen);
  const found: Wire[] = [];
  const add = (from: string, to: string, label: string, says: string, health: Health = "ok") => {
    found.push({ from, to, label, says, health });
  };
  for (const login of LOGINS) {
    const health = login === current ? "ok" : "idle";
    add(`password:${login}`, `login:${login}`, "sets", `The engine gives ${login} this password.`, health);
    if (login !== current) continue;
    for (const id of [PASSWORD_SECRET, CONNECTION_STRING_SECRET])
      add(`password:${login}`, `secret:${id}`, "written to", `The newest version of ${id} has this password.`);
  }

  const accessor = "roles/secretmanager.secretAccessor";
  const string = secrets.find(({ id }) => id === CONNECTION_STRING_SECRET);
  const mayRead = (string?.bindings ?? []).some((binding) => binding.role === accessor && isOfService(seen, binding));
  if (mayRead || isDeclared(seen, /secretIamMember/, /accessor/))
    add(
      "account",
      `secret:${CONNECTION_STRING_SECRET}`,
      "secretAccessor",
      role(accessor, mayRead),
      mayRead ? "ok" : "error",
    );

  const client = projectBindings.find(
    (binding) => binding.role === "roles/cloudsql.client" && isOfService(seen, binding),
  );
  if (client ?? isDeclared(seen, /iAMMember/, /cloudsql-client/)) {
    const condition = client?.condition ? `, if ${client.condition.expression}` : "";
    add(
      "account",
      "instance",
      "cloudsql.client",
      role("roles/cloudsql.client", client !== undefined) + condition,
      client ? "ok" : "error",
    );
  }
  add("service", "account", "runs as", "Revisions run as this account.");

  for (const { percent, revision } of shares(seen)) {
    const whole = revisions.find(({ name = "" }) => lastPart(name) === revision);
    const health = percent > 0 ? "ok" : "idle";
    for (const { name = "", valueSource } of whole?.containers?.[0]?.env ?? []) {
      const { secret, version = "" } = valueSource?.secretKeyRef ?? {};
      if (secret === undefined) continue;
      const exists = secrets.some(
        ({ id, versions }) =>
          id === lastPart(secret) && versions.some(({ number, state }) => number === version && state === "ENABLED"),
      );
      const says = `${revision} reads version ${version} of ${lastPart(secret)} as ${name}${exists ? "" : ", which is not there"}.`;
      add(`secret:${lastPart(secret)}`, `revision:${revision}`, `version ${version}`, says, exists ? health : "error");
    }
    for (const name of socketsOf(whole)) {
      const right = name === instance?.connectionName;
      add(
        `revision:${revision}`,
        "instance",
        "socket",
        `${revision} connects through /cloudsql/${name}.`,
        right ? health : "error",
      );
    }
  }

  const reader = "roles/storage.objectViewer";
  const own = `serviceAccount:${instance?.serviceAccountEmailAddress ?? ""}`;
  const reads = bucketBindings.some(({ members = [], role: each }) => each === reader && members.includes(own));
  add(
    "bucket",
    "schema",
    "import",
    reads
      ? `The instance's account has ${reader} on the bucket, and imports its scripts.`
      : `The instance's account lacks ${reader} on the bucket.`,
    reads ? "ok" : "error",
  );
  add("schema", "database", "creates tables", `The import into ${DATABASE} applies the versions, after a backup.`);
  add("uptime", "service", "GET /health", "Cloud Monitoring calls the service, with an ID token.");
  add("alerts", "service", "watches", "Alert policies read the service's metrics and logs.", "idle");
  return found;
}

function role(name: string, has: boolean): string {
  return has ? `The account has ${name}` : `The engine's state has a binding of ${name}, but the cloud does not`;
}
