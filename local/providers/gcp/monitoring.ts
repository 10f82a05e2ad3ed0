import type { ResourceType } from "../provider";
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
  required,
  secretly,
  text,
} from "../schema";
import { collection } from "./collection";

/** Cloud Monitoring: notification channels and alert policies. Google names them. */

const monitored = (
  token: string,
  kind: "notificationChannels" | "alertPolicies",
  properties: Properties,
): ResourceType => {
  const type = collection({
    token,
    api: "monitoring",
    properties,
    collection: `v3/projects/{project}/${kind}`,
    self: "v3/{name}",
    id: "{name}",
    update: "masked",
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

export const monitoringTypes: readonly ResourceType[] = [notificationChannel, alertPolicy];
