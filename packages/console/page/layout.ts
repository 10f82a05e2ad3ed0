import type { ELK, ElkExtendedEdge, ElkNode } from "elkjs";
import type { Part, System, Wire } from "../data.ts";

/** A box, in pixels from the picture's corner. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Where everything is. */
export interface Layout {
  readonly width: number;
  readonly height: number;
  /** By the part's id. */
  readonly boxes: ReadonlyMap<string, Box>;
  /** By {@link wireId}. */
  readonly lines: ReadonlyMap<string, { readonly path: string; readonly label?: Box }>;
}

declare const ELK: new () => ELK;

/** Of a box without others in it, in pixels. */
const SIZE = { width: 204, height: 68 };

/** Height of the title of a box with others in it, in pixels. */
const HEADING = 72;

/** Width of a character of a label, in pixels. */
const CHARACTER = 6.6;

const OPTIONS = {
  "elk.algorithm": "layered",
  "elk.direction": "RIGHT",
  "elk.hierarchyHandling": "INCLUDE_CHILDREN",
  "elk.edgeRouting": "ORTHOGONAL",
  "elk.json.shapeCoords": "ROOT",
  "elk.json.edgeCoords": "ROOT",
  "elk.layered.layering.strategy": "LONGEST_PATH_SOURCE",
  "elk.spacing.nodeNode": "22",
  "elk.spacing.edgeNode": "18",
  "elk.spacing.edgeEdge": "12",
  "elk.spacing.edgeLabel": "3",
  "elk.layered.spacing.nodeNodeBetweenLayers": "16",
  "elk.layered.spacing.edgeNodeBetweenLayers": "10",
  "elk.layered.nodePlacement.strategy": "NETWORK_SIMPLEX",
  "elk.edgeLabels.inline": "false",
  "elk.padding": "[top=8,left=8,bottom=8,right=8]",
};

/** Identifies a wire. */
export function wireId({ from, label, to }: Wire): string {
  return `${from}>${to}>${label}`;
}

/** Whether two systems have the same parts and wires, so that the layout stays. */
export function shapeOf({ parts, wires }: System): string {
  return [...parts.map(({ id, parent = "" }) => `${id}@${parent}`), ...wires.map(wireId)].join("\n");
}

/** Lays out the picture in layers, from left to right. */
export async function layOut({ parts, wires }: System): Promise<Layout> {
  const node = (part: Part): ElkNode => {
    const children = parts.filter(({ parent }) => parent === part.id).map(node);
    if (children.length === 0) return { id: part.id, ...SIZE };
    return {
      id: part.id,
      children,
      layoutOptions: {
        "elk.padding": `[top=${HEADING},left=12,bottom=12,right=12]`,
      },
    };
  };
  const graph: ElkNode = {
    id: "root",
    layoutOptions: OPTIONS,
    children: parts.filter(({ parent }) => parent === undefined).map(node),
    edges: wires.map((wire): ElkExtendedEdge => ({
      id: wireId(wire),
      sources: [wire.from],
      targets: [wire.to],
      ...(wire.label !== "" && {
        labels: [{ text: wire.label, width: Math.ceil(wire.label.length * CHARACTER) + 6, height: 16 }],
      }),
    })),
  };
  const { children = [], edges = [], height = 0, width = 0 } = await new ELK().layout(graph);
  const boxes = new Map<string, Box>();
  const collect = (placed: ElkNode): void => {
    boxes.set(placed.id, boxOf(placed));
    for (const child of placed.children ?? []) collect(child);
  };
  for (const child of children) collect(child);
  const lines = edges.map(({ id, labels = [], sections = [] }) => {
    const path = sections
      .map(({ bendPoints = [], endPoint, startPoint }) => rounded([startPoint, ...bendPoints, endPoint]))
      .join(" ");
    const [label] = labels;
    return [id, { path, ...(label && { label: boxOf(label) }) }] as const;
  });
  return { width, height, boxes, lines: new Map(lines) };
}

function boxOf({ height = 0, width = 0, x = 0, y = 0 }: Partial<Box>): Box {
  return { x, y, width, height };
}

/** Radius of a line's corners, in pixels. */
const RADIUS = 7;

interface Point {
  readonly x: number;
  readonly y: number;
}

/** A path through the points with rounded corners. */
function rounded(points: readonly Point[]): string {
  const [first, ...others] = points;
  if (!first) return "";
  const steps = others.map((point, index) => {
    const [before, after] = [points[index] ?? point, others[index + 1]];
    if (!after) return `L${point.x} ${point.y}`;
    const [enter, leave] = [towards(point, before), towards(point, after)];
    return `L${enter.x} ${enter.y}Q${point.x} ${point.y} ${leave.x} ${leave.y}`;
  });
  return `M${first.x} ${first.y}${steps.join("")}`;
}

/** The point at {@link RADIUS} from one point towards another, at most half way. */
function towards(from: Point, to: Point): Point {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = Math.hypot(dx, dy);
  const part = length === 0 ? 0 : Math.min(RADIUS, length / 2) / length;
  return { x: from.x + dx * part, y: from.y + dy * part };
}
