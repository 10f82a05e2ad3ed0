/** What a resource is measured at now: https://cloud.google.com/monitoring/api/ref_v3/rest/v3/TimeSeries */
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

  /** @param measure Reads those of a project. */
  constructor(measure: (project: string) => Promise<readonly Gauge[]>) {
    this.measure = measure;
  }

  /** @returns Each with what it is measured at, or what a test pretends. */
  async of(project: string): Promise<Gauge[]> {
    const gauges = await this.measure(project);
    return gauges.map((gauge) => ({ ...gauge, value: this.pretended.get(gauge.metric.type) ?? gauge.value }));
  }

  /**
   * Has a metric show a value that nothing here would reach, for every resource that has it.
   * @param type Such as `cloudsql.googleapis.com/database/disk/utilization`.
   * @returns Ends it.
   */
  pretend(type: string, value: number): () => void {
    this.pretended.set(type, value);
    return () => {
      this.pretended.delete(type);
    };
  }
}
