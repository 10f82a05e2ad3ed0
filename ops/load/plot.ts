import type { Results, Run } from "./results.ts";

const PANEL = { width: 300, height: 210, left: 46, right: 14, top: 42, bottom: 40 };
const COLUMNS = 3;
const HEAD = 44;

/** A plot of each configuration: the answers a second over the requests at a time, and the predicted ceiling. */
export function plot({ machine, runs, time }: Results): string {
  const rows = Math.ceil(runs.length / COLUMNS);
  const [width, height] = [COLUMNS * PANEL.width + 16, HEAD + rows * PANEL.height + 8];
  const panels = runs.map((run, index) => {
    const x = 8 + (index % COLUMNS) * PANEL.width;
    const y = HEAD + Math.floor(index / COLUMNS) * PANEL.height;
    return `<g transform="translate(${x} ${y})">\n${panel(run)}\n</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="16" y="18" font-size="14">Answers a second over requests at a time: measured (red: requests fail), and the predicted ceiling (dashed)</text>
<text x="16" y="34" fill="#555555">${escape(`${machine}; ${time.slice(0, 10)}`)}</text>
${panels.join("\n")}
</svg>
`;
}

function panel({ name, predicted, steps }: Run): string {
  const { bottom, height, left, right, top, width } = PANEL;
  const [{ rate, resource }] = predicted;
  const highest = 1.15 * Math.max(rate, ...steps.map((step) => step.rate));
  const most = Math.max(1, Math.log2(steps.at(-1)?.requests ?? 2));
  const x = (requests: number) => left + (Math.log2(requests) / most) * (width - left - right);
  const y = (value: number) => height - bottom - (value / highest) * (height - top - bottom);
  const points = steps.map((step) => `${x(step.requests).toFixed(1)},${y(step.rate).toFixed(1)}`);
  const line = y(rate).toFixed(1);
  return [
    `<text x="${left}" y="${top - 24}" font-size="12">${escape(name)}</text>`,
    `<text x="${left}" y="${top - 10}" fill="#b3412e">${escape(`predicted ${Math.round(rate)}, by ${resource}`)}</text>`,
    `<path d="M${left} ${top} V${height - bottom} H${width - right}" fill="none" stroke="#222222"/>`,
    ...[0, highest / 1.15].map(
      (value) => `<text x="${left - 5}" y="${(y(value) + 4).toFixed(1)}" text-anchor="end">${Math.round(value)}</text>`,
    ),
    ...steps
      .filter(({ requests }) => Number.isInteger(Math.log2(requests)))
      .map(
        ({ requests }) =>
          `<text x="${x(requests).toFixed(1)}" y="${height - bottom + 15}" text-anchor="middle">${requests}</text>`,
      ),
    `<line x1="${left}" y1="${line}" x2="${width - right}" y2="${line}" stroke="#b3412e" stroke-dasharray="5 4"/>`,
    `<polyline points="${points.join(" ")}" fill="none" stroke="#2f7d5b" stroke-width="2"/>`,
    ...steps.map((step) => {
      const colour = step.errors > 0 ? "#b3412e" : "#2f7d5b";
      return `<circle cx="${x(step.requests).toFixed(1)}" cy="${y(step.rate).toFixed(1)}" r="3.5" fill="${colour}"/>`;
    }),
  ].join("\n");
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
