import { type Figure, type Side, used } from "./figure.ts";

/** The figures as a table for the terminal. */
export function table(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => [
    figure.name,
    `${short(figure.value)} ${figure.unit}`,
    limitOf(figure),
    verdict(figure),
    figure.sides.map(sideOf).join(" / "),
  ]);
  const all = [["figure", "value", "limit", "", "medians (lowest to highest)"], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) => `${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}\n`).join("");
}

function limitOf({ limit }: Figure): string {
  if (!limit) return "";
  return "most" in limit ? `≤ ${limit.most}` : `≥ ${limit.least}`;
}

function verdict(figure: Figure): string {
  const part = used(figure);
  return part === undefined ? "" : part <= 1 ? "holds" : "MISSED";
}

function sideOf({ name, unit, median, lowest, highest }: Side): string {
  return `${name} ${short(median)} ${unit} (${short(lowest)} to ${short(highest)})`;
}

function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

const ROW = 26;
const LEFT = 420;
/** Pixels from zero to the limit. */
const SCALE = 300;
const WIDTH = LEFT + SCALE * 1.5 + 110;

/**
 * A plot of the figures with a limit, showing how much of it each uses. A bar across the line misses its limit.
 * @param caption Machine and versions.
 */
export function svg(figures: readonly Figure[], caption: string): string {
  const bars = figures.flatMap((figure) => {
    const part = used(figure);
    return part === undefined ? [] : [{ figure, part }];
  });
  const height = 70 + bars.length * ROW;
  const limit = LEFT + SCALE;
  const rows = bars.map(({ figure, part }, index) => {
    const y = 50 + index * ROW;
    const width = Math.min(part, 1.5) * SCALE;
    const value = `${short(figure.value)} ${figure.unit} (${limitOf(figure)})`;
    return [
      `<text x="${LEFT - 8}" y="${y + 13}" text-anchor="end">${escape(figure.name)}</text>`,
      `<rect x="${LEFT}" y="${y}" width="${width.toFixed(1)}" height="18" fill="${part <= 1 ? "#2f7d5b" : "#b3412e"}"/>`,
      `<text x="${(LEFT + width + 6).toFixed(1)}" y="${y + 13}">${escape(value)}</text>`,
    ].join("\n");
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="8" y="18" font-size="14">How much of its limit each figure uses; a bar across the line misses it</text>
<text x="8" y="36" fill="#555555">${escape(caption)}</text>
${rows.join("\n")}
<line x1="${limit}" y1="44" x2="${limit}" y2="${height - 18}" stroke="#222222" stroke-dasharray="4 3"/>
</svg>
`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
