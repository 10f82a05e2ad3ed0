/** The current value of a metric for one resource: https://cloud.google.com/monitoring/api/ref_v3/rest/v3/TimeSeries */
export interface Gauge {
  readonly metric: { readonly type: string; readonly labels?: Readonly<Record<string, string>> };
  readonly resource: { readonly type: string; readonly labels: Readonly<Record<string, string>> };
  readonly valueType: "DOUBLE" | "INT64";
  readonly value: number;
}

/** The gauges of the embedded cloud. */
export class Gauges {
  private readonly pretended = new Map<string, number>();
  private readonly measure: (project: string) => Promise<readonly Gauge[]>;

  /** @param measure Measures the resources of a project. */
  constructor(measure: (project: string) => Promise<readonly Gauge[]>) {
    this.measure = measure;
  }

  /** The gauges of a project, with the values that tests set in place of those measured. */
  async of(project: string): Promise<Gauge[]> {
    const gauges = await this.measure(project);
    return gauges.map((gauge) => ({ ...gauge, value: this.pretended.get(gauge.metric.type) ?? gauge.value }));
  }

  /**
   * Overrides a metric's value for every resource, so that a test reaches values that nothing here does.
   * @param type Such as `cloudsql.googleapis.com/database/disk/utilization`.
   * @returns A function that removes the override.
   */
  pretend(type: string, value: number): () => void {
    this.pretended.set(type, value);
    return () => void this.pretended.delete(type);
  }
}
