import { GoogleError } from "../../rest/errors.ts";
import { parseFilter } from "../logging/filter.ts";
import type { Gauge } from "./gauges.ts";

/** https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.timeSeries/list: the parameters that are read. */
export interface TimeSeriesQuery {
  readonly filter?: string;
  readonly "interval.startTime"?: string;
  readonly "interval.endTime"?: string;
}

/**
 * Answers a query. Nothing is recorded, so each series has one point: of this minute or, if the interval ended before
 * it, of the last one.
 * @throws GoogleError INVALID_ARGUMENT if the query names no metric or no time.
 */
export function timeSeries(gauges: readonly Gauge[], query: TimeSeriesQuery, now = new Date()): object {
  const { filter = "", "interval.endTime": end = "" } = query;
  const { "interval.startTime": start = end } = query;
  if (!/\bmetric\.type\s*=/.test(filter)) {
    throw new GoogleError("INVALID_ARGUMENT", "Field filter had an invalid value: it must name one metric type.");
  }
  if (Number.isNaN(Date.parse(end)) || Number.isNaN(Date.parse(start))) {
    throw new GoogleError("INVALID_ARGUMENT", "Field interval had an invalid value: an end time must be given.");
  }
  const minutes = [0, 1].map((ago) => new Date((Math.floor(now.getTime() / 60_000) - ago) * 60_000));
  const minute = minutes.find((each) => each >= new Date(start) && each <= new Date(end));
  if (!minute) return {};
  const matches = parseFilter(filter, false);
  const time = minute.toISOString();
  const found = gauges
    .filter(({ metric, resource }) => matches({ metric, resource }))
    .map(({ metric, resource, value, valueType }) => ({
      metric,
      resource,
      metricKind: "GAUGE",
      valueType,
      points: [
        {
          interval: { startTime: time, endTime: time },
          value: valueType === "DOUBLE" ? { doubleValue: value } : { int64Value: String(value) },
        },
      ],
    }));
  return found.length === 0 ? {} : { timeSeries: found };
}
