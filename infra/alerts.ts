import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import type { Apis } from "./apis.ts";
import type { StackConfig } from "./config.ts";
import { dashboard } from "./dashboard.ts";
import type { Database } from "./database.ts";
import { SERVICE } from "./names.ts";
import type { Service } from "./service.ts";
import {
  DOCTOR_SILENT,
  doctorFound,
  failedBackups,
  failedImports,
  metric,
  ofInstance,
  ofService,
  revisionsNotReady,
  type Watched,
} from "./signals.ts";
import { LEAST_CONNECTIONS, maxConnections } from "./tiers.ts";

export interface AlertsArgs {
  readonly apis: Apis;
  readonly config: StackConfig;
  readonly database: Database;
  readonly service: Service;
  /** The regions that have the service, that of the stack first. The uptime check may call it in each, before and after a failover. */
  readonly regions: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

type Condition = Omit<gcp.types.input.monitoring.AlertPolicyCondition, "displayName" | "name">;

/** One alert; the section of `docs/RUNBOOK.md` with its title explains what it means and what to do. */
interface Alert {
  /** Logical name of the policy, without `settlement-alert-`. */
  readonly what: string;
  readonly title: string;
  readonly severity: "CRITICAL" | "ERROR" | "WARNING";
  /** The metric or log it reads, and what enables that. */
  readonly reads: string;
  readonly condition: Condition;
  /** Another that fires it too; none by default. */
  readonly or?: Condition;
}

const ON = "which is always on";

/**
 * Alert policies for failures and exhausted resources, an uptime check, and a dashboard of the service and its database.
 * Without `alerts.email` incidents are visible in the console only.
 */
export class Alerts extends pulumi.ComponentResource {
  constructor(name: string, args: AlertsArgs) {
    super("settlement:infra:Alerts", name);
    const { apis, config, labels } = args;
    const { project } = config;
    const monitoring = { parent: this, dependsOn: [apis.enabled.monitoring, apis.enabled.logging] };
    // By names that are known before what they name exists, so that the first import that fails is reported too.
    const { plannedFollower, plannedPrimary } = args.database;
    const watched = plannedPrimary.apply((instance): Watched => ({ project, service: SERVICE, instance }));

    const audit = new gcp.projects.IAMAuditConfig(
      `${name}-import-audit`,
      { project, service: "cloudsql.googleapis.com", auditLogConfigs: [{ logType: "DATA_WRITE" }] },
      { parent: this, dependsOn: apis.enabled.cloudresourcemanager },
    );
    const channels = config.alerts.email.map(
      (address) =>
        new gcp.monitoring.NotificationChannel(
          `${name}-channel-${address}`,
          { type: "email", displayName: address, labels: { email_address: address }, userLabels: labels },
          monitoring,
        ),
    );
    const check = this.uptimeCheck(name, args);

    const alerts = [
      ...logAlerts(watched),
      ...doctorAlerts(),
      ...metricAlerts(watched, config),
      ...(plannedFollower ? replicaAlerts(project, plannedFollower) : []),
      uptimeAlert(check.uptimeCheckId),
    ];
    for (const { what, title, severity, reads, condition, or } of alerts) {
      new gcp.monitoring.AlertPolicy(
        `${name}-alert-${what}`,
        {
          displayName: title,
          combiner: "OR",
          severity,
          conditions: [condition, ...(or ? [or] : [])].map((each) => ({ displayName: title, ...each })),
          // Google requires a rate limit for log alerts and rejects it for others.
          ...(condition.conditionMatchedLog && { alertStrategy: { notificationRateLimit: { period: "300s" } } }),
          documentation: { subject: `${title} (${project})`, content: documentation(title, reads, config) },
          notificationChannels: channels.map((channel) => channel.name),
          userLabels: labels,
        },
        what === "import" ? { ...monitoring, dependsOn: [...monitoring.dependsOn, audit] } : monitoring,
      );
    }
    new gcp.monitoring.Dashboard(
      `${name}-dashboard`,
      { dashboardJson: watched.apply((each) => JSON.stringify(dashboard(each))) },
      monitoring,
    );
    this.registerOutputs();
  }

  /** Calls the service every minute as the service agent of Cloud Monitoring, so the service need not be public. */
  private uptimeCheck(name: string, args: AlertsArgs): gcp.monitoring.UptimeCheckConfig {
    const { apis, config, service } = args;
    const agent = new gcp.projects.ServiceIdentity(
      `${name}-monitoring-agent`,
      { service: "monitoring.googleapis.com" },
      { parent: this, dependsOn: apis.enabled.monitoring },
    );
    const invokers = args.regions.map(
      (location, index) =>
        new gcp.cloudrunv2.ServiceIamMember(
          `${name}-${index === 0 ? "" : "standby-"}uptime-invoker`,
          { name: service.name, location, role: "roles/run.invoker", member: agent.member },
          { parent: this },
        ),
    );
    return new gcp.monitoring.UptimeCheckConfig(
      `${name}-uptime`,
      {
        displayName: "Settlement service",
        period: "60s",
        timeout: "10s",
        monitoredResource: {
          type: "uptime_url",
          labels: { project_id: config.project, host: service.url.apply(hostOf) },
        },
        httpCheck: {
          path: "/health",
          port: 443,
          useSsl: true,
          validateSsl: true,
          serviceAgentAuthentication: { type: "OIDC_TOKEN" },
        },
        userLabels: args.labels,
      },
      { parent: this, dependsOn: [apis.enabled.monitoring, ...invokers] },
    );
  }
}

/** Empty if Cloud Run failed to create the service, which stops the update. */
function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : "";
}

function logAlerts(watched: pulumi.Output<Watched>): Alert[] {
  const log = (filter: (each: Watched) => string): Condition => ({
    conditionMatchedLog: { filter: watched.apply(filter) },
  });
  return [
    {
      what: "import",
      title: "Failed import",
      severity: "ERROR",
      reads: "the log of data access of Cloud SQL, which settlement-import-audit switches on",
      condition: log(failedImports),
    },
    {
      what: "backup",
      title: "Failed backup",
      severity: "ERROR",
      reads: `the logs of system events and of administration of Cloud SQL, ${ON}`,
      condition: log(failedBackups),
    },
    {
      what: "revision",
      title: "Revision not ready",
      severity: "ERROR",
      reads: `the audit log of Cloud Run, ${ON}`,
      condition: log(revisionsNotReady),
    },
  ];
}

/** Problems that no Google metric or log shows: the nightly doctor checks for them and logs its findings. */
function doctorAlerts(): Alert[] {
  const found = (what: string, title: string, ...checks: string[]): Alert => ({
    what,
    title,
    severity: "WARNING",
    reads: "the log of the nightly doctor, which `npm run doctor -- --log` writes",
    condition: { conditionMatchedLog: { filter: doctorFound(...checks) } },
  });
  const silent: Alert = {
    what: "doctor",
    title: "Doctor did not run",
    severity: "WARNING",
    reads: `logging.googleapis.com/log_entry_count, ${ON}`,
    condition: {
      conditionPrometheusQueryLanguage: {
        query: DOCTOR_SILENT,
        // A scheduled GitHub workflow may start hours late.
        duration: "21600s",
        evaluationInterval: "300s",
        // The log does not exist until the doctor first writes to it.
        disableMetricValidation: true,
      },
    },
  };
  return [
    silent,
    found("old-backup", "Backup too old", "backup"),
    found("certificate", "Certificate expires", "certificate"),
    found("rotation", "Rotation due", "rotation"),
    found("half-migrated", "Migration left half way", "migration", "tables"),
  ];
}

function metricAlerts(watched: pulumi.Output<Watched>, config: StackConfig): Alert[] {
  const above = (type: string, threshold: number): Condition => ({
    conditionThreshold: {
      filter: watched.apply((each) => metric(type, ofInstance(each))),
      aggregations: [
        // Cloud SQL reports one series per database.
        { alignmentPeriod: "60s", perSeriesAligner: "ALIGN_MEAN", crossSeriesReducer: "REDUCE_SUM" },
      ],
      comparison: "COMPARISON_GT",
      thresholdValue: threshold,
      duration: "300s",
    },
  });
  const requests = "run.googleapis.com/request_count";
  const rate = [{ alignmentPeriod: "300s", perSeriesAligner: "ALIGN_RATE", crossSeriesReducer: "REDUCE_SUM" }];
  const cloudSql = "cloudsql.googleapis.com/database";
  return [
    {
      what: "errors",
      title: "Service answers 5xx",
      severity: "CRITICAL",
      reads: `${requests}, ${ON}`,
      condition: {
        conditionThreshold: {
          filter: watched.apply(
            (each) => `${metric(requests, ofService(each))} AND metric.labels.response_code_class="5xx"`,
          ),
          aggregations: rate,
          denominatorFilter: watched.apply((each) => metric(requests, ofService(each))),
          denominatorAggregations: rate,
          comparison: "COMPARISON_GT",
          // More than 5 % of the requests, over five minutes.
          thresholdValue: 0.05,
          duration: "0s",
        },
      },
    },
    {
      what: "disk",
      title: "Disk nearly full",
      severity: "WARNING",
      reads: `${cloudSql}/disk/utilization, ${ON}`,
      condition: above(`${cloudSql}/disk/utilization`, 0.9),
    },
    {
      what: "memory",
      title: "Memory nearly used up",
      severity: "WARNING",
      reads: `${cloudSql}/memory/utilization, ${ON}`,
      condition: above(`${cloudSql}/memory/utilization`, 0.9),
    },
    {
      what: "connections",
      title: "Connections nearly used up",
      severity: "WARNING",
      reads: `${cloudSql}/postgresql/num_backends, ${ON}`,
      condition: above(
        `${cloudSql}/postgresql/num_backends`,
        Math.floor(0.8 * (maxConnections(config.database.tier) ?? LEAST_CONNECTIONS)),
      ),
    },
  ];
}

/** A replica that is this far behind, in seconds, is reported: a failover would lose that much. */
const LONGEST_LAG = 60;

/**
 * A replica that receives or replays too slowly, or whose lag is not measured any more, because it was stopped or lost.
 * https://cloud.google.com/sql/docs/postgres/replication/replication-lag
 */
function replicaAlerts(project: string, replicaName: pulumi.Output<string>): Alert[] {
  const type = (what: string) => `cloudsql.googleapis.com/database/replication/${what}_lag`;
  const filter = (what: string) =>
    replicaName.apply((instance) => metric(type(what), ofInstance({ project, instance })));
  const aggregations = [{ alignmentPeriod: "60s", perSeriesAligner: "ALIGN_MAX" }];
  const behind = (what: string): Condition => ({
    conditionThreshold: {
      ...{ filter: filter(what), aggregations, comparison: "COMPARISON_GT" },
      ...{ thresholdValue: LONGEST_LAG, duration: "300s" },
    },
  });
  return [
    {
      what: "replica-behind",
      title: "Replica behind",
      severity: "WARNING",
      reads: `${type("network")} and ${type("replica")}, ${ON}`,
      condition: behind("network"),
      or: behind("replica"),
    },
    {
      what: "replica-stopped",
      title: "Replica stopped",
      severity: "ERROR",
      reads: `${type("replica")}, which Cloud SQL measures every minute while the replica runs`,
      condition: { conditionAbsent: { filter: filter("replica"), aggregations, duration: "600s" } },
    },
  ];
}

/** Fires when the check fails from more than one region. */
function uptimeAlert(checkId: pulumi.Output<string>): Alert {
  const type = "monitoring.googleapis.com/uptime_check/check_passed";
  return {
    what: "uptime",
    title: "Service does not answer",
    severity: "CRITICAL",
    reads: `${type}, which settlement-uptime makes`,
    condition: {
      conditionThreshold: {
        filter: pulumi.interpolate`metric.type="${type}" AND metric.labels.check_id="${checkId}" AND resource.type="uptime_url"`,
        aggregations: [
          {
            alignmentPeriod: "1200s",
            perSeriesAligner: "ALIGN_NEXT_OLDER",
            crossSeriesReducer: "REDUCE_COUNT_FALSE",
            groupByFields: ["resource.label.project_id", "resource.label.host"],
          },
        ],
        comparison: "COMPARISON_GT",
        thresholdValue: 1,
        duration: "60s",
      },
    },
  };
}

function documentation(title: string, reads: string, { alerts }: StackConfig): string {
  const section = title.toLowerCase().replaceAll(" ", "-");
  return [
    `What it means and what to do: [${title}](${alerts.runbook}#${section})`,
    `First: \`npm run doctor -- --stack ${pulumi.getStack()}\``,
    `It reads ${reads}.`,
  ].join("\n\n");
}
