import { DOCTOR_LOG } from "./names.ts";
import {
  failedBackups,
  failedImports,
  metric,
  ofInstance,
  ofService,
  revisionsNotReady,
  type Watched,
} from "./signals.ts";

/** Columns of the grid, and a chart's width and height in it. */
const GRID = { columns: 48, width: 24, height: 12 } as const;

interface Chart {
  readonly title: string;
  readonly metric: string;
  readonly aligner: "ALIGN_RATE" | "ALIGN_MEAN" | "ALIGN_MAX" | "ALIGN_PERCENTILE_95";
  /** Label to group by, one line per value; a single line by default. */
  readonly by?: string;
}

const RUN = "run.googleapis.com";
const SQL = "cloudsql.googleapis.com/database";

const SERVICE: readonly Chart[] = [
  {
    title: "Requests a second, by answer",
    metric: `${RUN}/request_count`,
    aligner: "ALIGN_RATE",
    by: "metric.label.response_code_class",
  },
  {
    title: "Latency, 95 % are faster (ms)",
    metric: `${RUN}/request_latencies`,
    aligner: "ALIGN_PERCENTILE_95",
    by: "resource.label.revision_name",
  },
  {
    title: "Instances of the service",
    metric: `${RUN}/container/instance_count`,
    aligner: "ALIGN_MAX",
    by: "metric.label.state",
  },
];

const INSTANCE: readonly Chart[] = [
  { title: "Connections to the database", metric: `${SQL}/postgresql/num_backends`, aligner: "ALIGN_MEAN" },
  { title: "Disk, share in use", metric: `${SQL}/disk/utilization`, aligner: "ALIGN_MEAN" },
  { title: "Memory, share in use", metric: `${SQL}/memory/utilization`, aligner: "ALIGN_MEAN" },
];

/**
 * One page: the service on the left, its database on the right, failures below.
 * https://cloud.google.com/monitoring/api/ref_v3/rest/v1/projects.dashboards
 */
export function dashboard(watched: Watched): object {
  const column = (charts: readonly Chart[], of: string, xPos: number) =>
    charts.map((chart, row) => ({
      ...at(xPos, row * GRID.height),
      width: GRID.width,
      height: GRID.height,
      widget: { title: chart.title, xyChart: { dataSets: [dataSet(chart, of)] } },
    }));
  const failures = [
    ...[failedImports, failedBackups, revisionsNotReady].map((filter) => `(${filter(watched)})`),
    `(log_id("${DOCTOR_LOG}") AND severity>=WARNING)`,
  ];
  return {
    displayName: "Settlement service and its database",
    mosaicLayout: {
      columns: GRID.columns,
      tiles: [
        ...column(SERVICE, ofService(watched), 0),
        ...column(INSTANCE, ofInstance(watched), GRID.width),
        {
          ...at(0, SERVICE.length * GRID.height),
          width: GRID.columns,
          height: GRID.height,
          widget: { title: "What failed", logsPanel: { filter: failures.join(" OR ") } },
        },
      ],
    },
  };
}

/** The place of a tile. Google leaves zeros out of what it returns, and the provider would see a difference in each preview. */
function at(xPos: number, yPos: number): { xPos?: number; yPos?: number } {
  return { ...(xPos > 0 && { xPos }), ...(yPos > 0 && { yPos }) };
}

function dataSet({ metric: type, aligner, by }: Chart, of: string): object {
  const aggregation = {
    alignmentPeriod: "60s",
    perSeriesAligner: aligner,
    crossSeriesReducer: aligner === "ALIGN_PERCENTILE_95" ? "REDUCE_MAX" : "REDUCE_SUM",
    ...(by !== undefined && { groupByFields: [by] }),
  };
  return { plotType: "LINE", timeSeriesQuery: { timeSeriesFilter: { filter: metric(type, of), aggregation } } };
}
