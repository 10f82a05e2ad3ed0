/** The time since an ISO 8601 time, in its largest unit: `25 minutes`. */
export function age(since: string, now = new Date()): string {
  const minutes = Math.max(0, Math.floor((now.getTime() - Date.parse(since)) / 60_000));
  const [number, unit] =
    minutes < 120
      ? [minutes, "minute"]
      : minutes < 2880
        ? [Math.floor(minutes / 60), "hour"]
        : [Math.floor(minutes / 1440), "day"];
  return `${number} ${unit}${number === 1 ? "" : "s"}`;
}
