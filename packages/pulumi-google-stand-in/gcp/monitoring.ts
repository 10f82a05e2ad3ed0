import type { ResourceType } from "../provider.ts";
import {
  any,
  apart,
  computed,
  defaulting,
  deletionPolicy,
  flag,
  list,
  map,
  named,
  number,
  object,
  objects,
  output,
  own,
  project,
  type Properties,
  replacing,
  required,
  secretly,
  text,
} from "../schema.ts";
import { type Collection, collection } from "./collection.ts";
import { dashboard } from "./dashboard.ts";
import { lastStep } from "./paths.ts";

/** Cloud Monitoring. Google generates the names. */

const monitored = (
  token: string,
  kind: "notificationChannels" | "alertPolicies" | "uptimeCheckConfigs",
  properties: Properties,
  derived?: Collection["derived"],
): ResourceType => {
  const type = collection({
    token,
    api: "monitoring",
    properties,
    collection: `v3/projects/{project}/${kind}`,
    self: "v3/{name}",
    id: "{name}",
    update: "masked",
    ...(derived && { derived }),
  });
  return {
    ...type,
    idForms: [`projects/{project}/${kind}/{id}`],
    parseId: (id) => {
      const [, owner] = new RegExp(`^projects/([^/]+)/${kind}/[^/]+$`).exec(id) ?? [];
      return owner === undefined ? undefined : { name: id, project: owner };
    },
  };
};

const notificationChannel = monitored(
  "gcp:monitoring/notificationChannel:NotificationChannel",
  "notificationChannels",
  {
    project,
    type: required(text),
    displayName: text,
    description: text,
    enabled: defaulting(true, flag),
    labels: computed(map),
    userLabels: map,
    sensitiveLabels: apart(secretly(object({ authToken: text, password: text, serviceKey: text }))),
    forceDelete: own(defaulting(false, flag)),
    deletionPolicy,
    name: output(text),
    verificationStatus: output(text),
  },
);

const trigger = object({ count: number, percent: number });
const aggregations = objects({
  alignmentPeriod: text,
  crossSeriesReducer: text,
  groupByFields: list(text),
  perSeriesAligner: text,
});

const alertPolicy = monitored("gcp:monitoring/alertPolicy:AlertPolicy", "alertPolicies", {
  project,
  displayName: required(text),
  combiner: required(text),
  enabled: defaulting(true, flag),
  severity: text,
  notificationChannels: list(text),
  userLabels: map,
  documentation: object({
    content: text,
    mimeType: defaulting("text/markdown", text),
    subject: text,
    links: objects({ displayName: text, url: text }),
  }),
  alertStrategy: object({
    autoClose: text,
    notificationPrompts: list(text),
    notificationRateLimit: object({ period: text }),
    notificationChannelStrategies: named(
      "notificationChannelStrategy",
      objects({ notificationChannelNames: list(text), renotifyInterval: text }),
    ),
  }),
  conditions: required(
    objects({
      name: computed(text),
      displayName: required(text),
      conditionAbsent: object({ aggregations, duration: required(text), filter: text, trigger }),
      conditionMatchedLog: object({ filter: required(text), labelExtractors: map }),
      conditionMonitoringQueryLanguage: object({
        query: required(text),
        duration: required(text),
        evaluationMissingData: text,
        trigger,
      }),
      conditionPrometheusQueryLanguage: object({
        query: required(text),
        duration: text,
        evaluationInterval: text,
        alertRule: text,
        ruleGroup: text,
        labels: map,
        disableMetricValidation: flag,
      }),
      conditionThreshold: object({
        aggregations,
        comparison: required(text),
        denominatorAggregations: aggregations,
        denominatorFilter: text,
        duration: required(text),
        evaluationMissingData: text,
        filter: text,
        forecastOptions: object({ forecastHorizon: required(text) }),
        thresholdValue: number,
        trigger,
      }),
    }),
  ),
  deletionPolicy,
  creationRecords: named("creationRecord", output(list(any))),
  name: output(text),
});

const UPTIME = "gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig";
const uptimeProperties: Properties = {
  project,
  displayName: required(text),
  timeout: required(text),
  period: defaulting("300s", text),
  checkerType: computed(text),
  selectedRegions: list(text),
  logCheckFailures: flag,
  userLabels: map,
  monitoredResource: replacing(object({ type: required(text), labels: required(map) })),
  contentMatchers: objects({
    content: required(text),
    matcher: defaulting("CONTAINS_STRING", text),
    jsonPathMatcher: object({ jsonPath: required(text), jsonMatcher: defaulting("EXACT_MATCH", text) }),
  }),
  httpCheck: object({
    acceptedResponseStatusCodes: objects({ statusClass: text, statusValue: number }),
    body: text,
    contentType: text,
    customContentType: text,
    headers: computed(map),
    path: defaulting("/", text),
    port: computed(number),
    requestMethod: defaulting("GET", text),
    serviceAgentAuthentication: object({ type: text }),
    useSsl: flag,
    validateSsl: flag,
  }),
  deletionPolicy,
  name: output(text),
  uptimeCheckId: output(text),
};
/** Metrics identify a check by the last part of its name. */
const uptimeCheck = monitored(UPTIME, "uptimeCheckConfigs", uptimeProperties, ({ name }) => ({
  uptimeCheckId: lastStep(name),
}));

export const monitoringTypes: readonly ResourceType[] = [notificationChannel, alertPolicy, uptimeCheck, dashboard];
